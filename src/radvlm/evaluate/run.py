"""``radvlm evaluate``: a model and a data set → predictions, then scores with intervals.

Writes into ``out``: ``predictions-<condition>.jsonl`` (the write-ahead log; as confidential as the
data it answers), ``scores.json`` with one entry a condition, and ``recipe-<condition>.json``. Run
again, it goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from radvlm import __version__
from radvlm import recipe as recipes
from radvlm.codecs import CODECS
from radvlm.errors import OutputError, RecipeError
from radvlm.evaluate.answers import Item, read_answers
from radvlm.evaluate.baseline import majority_predictions
from radvlm.evaluate.blind import shuffled_images
from radvlm.evaluate.greening import green_of
from radvlm.evaluate.judging import CALLS, judge_log
from radvlm.evaluate.log import read_predictions, write_predictions
from radvlm.evaluate.oddities import oddities
from radvlm.evaluate.parallel import predict_in_parallel, predict_share
from radvlm.evaluate.predict import Progress
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.references import references_of
from radvlm.evaluate.score import Measured, measure, summarise
from radvlm.evaluate.statistics import patient_of
from radvlm.evaluate.subgroups import attributes_of, subgroups
from radvlm.evaluate.tables import scores_as_json
from radvlm.io.dataset import MANIFEST, examples_of
from radvlm.io.egress import strictest
from radvlm.io.files import read_json, write_json
from radvlm.protocols import Task
from radvlm.records import Example, Prediction, Score, Turn, View
from radvlm.registry import resolve

SCORES = "scores.json"


def evaluate(recipe: EvaluateRecipe, progress: Progress | None = None) -> list[Score]:
    """Predict what the log does not hold yet, then score all of it.

    Raises:
        RecipeError: the condition needs a model and none is given, or no example is left.
        OutputError: ``out`` holds scores of other examples.
        CheckpointError, TableError: the model or the data set cannot be used.
    """
    return score_log(recipe, predict_log(recipe, progress))


def predict_log(recipe: EvaluateRecipe, progress: Progress | None = None) -> list[Example]:
    """Predict what the log does not hold yet; returns the examples asked."""
    examples = chosen(recipe)
    log = log_path(recipe)
    if recipe.condition == "majority":
        train = examples_of(recipe.data, "train")
        write_predictions(log, majority_predictions(list(train), examples, CODECS["radvlm_01"]))
    else:
        _check_model(recipe)
        shown = shown_images(recipe, examples)
        if recipe.workers > 1:
            predict_in_parallel(recipe, examples, log, shown, progress)
        else:
            predict_share((log, examples, shown), recipe, progress)
    return examples


def score_log(recipe: EvaluateRecipe, examples: Sequence[Example] | None = None) -> list[Score]:
    """Score what ``out`` holds for the recipe's condition, without the model, and save it."""
    examples = chosen(recipe) if examples is None else examples
    predictions = read_predictions(log_path(recipe))
    items = _items(recipe, examples, predictions)
    measured = _measured(recipe, items)
    scores = summarise(measured, recipe.bootstrap.samples, recipe.bootstrap.seed)
    scores += judge_log(recipe, examples, predictions)
    found = {
        "scores": scores_as_json(scores),
        "subgroups": _groups(recipe, measured),
        "oddities": oddities(log_path(recipe), examples, items),
    }
    _save(recipe, examples, predictions, found)
    return scores


def measured_log(recipe: EvaluateRecipe) -> list[Measured]:
    """The rows of each metric for what the log holds, without the model."""
    predictions = read_predictions(log_path(recipe))
    return _measured(recipe, _items(recipe, chosen(recipe), predictions))


def _items(
    recipe: EvaluateRecipe, examples: Sequence[Example], predictions: Sequence[Prediction]
) -> list[Item]:
    return read_answers(examples, predictions, tasks_of(examples), shown_images(recipe, examples))


def _measured(recipe: EvaluateRecipe, items: Sequence[Item]) -> list[Measured]:
    tasks = tasks_of([item.example for item in items])
    references = references_of(read_json(recipe.data / MANIFEST))
    measured = list(measure(items, tasks, recipe.metrics, references))
    return measured + green_of(recipe, items, references)


def _groups(
    recipe: EvaluateRecipe, measured: Sequence[Measured]
) -> dict[str, list[dict[str, Any]]]:
    """Figure → its groups, as plain values."""
    found = {}
    for one in measured if recipe.by else ():
        groups = subgroups(
            one.values,
            [attributes_of(item.example) for item in one.items],
            [patient_of(item.example) for item in one.items],
            by=recipe.by,
            samples=recipe.bootstrap.samples,
            seed=recipe.bootstrap.seed,
        )
        found[one.key] = [asdict(group) for group in groups]
    return found


def chosen(recipe: EvaluateRecipe) -> list[Example]:
    """The examples of the split that the recipe keeps, in the order of the data set."""
    examples = list(examples_of(recipe.data, recipe.split))
    by_task: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if recipe.tasks is None or example.task in recipe.tasks:
            by_task[example.task].append(example)
    most = recipe.per_task
    share = most if isinstance(most, dict) else dict.fromkeys(by_task, most)
    # A recipe's shares are for all of its tasks; who asks for some of them need not cut them down.
    asked = share if recipe.tasks is None else recipe.tasks
    if missing := {*asked} - set(by_task):
        raise RecipeError(f"no example of task {min(missing)!r}", recipe.data, "Build it first")
    kept = [e for t in sorted(by_task) for e in _draw(by_task[t], share.get(t), recipe)]
    ids = {example.id for example in _draw(kept, recipe.limit, recipe)}
    if not ids:
        raise RecipeError(f"no example in split {recipe.split!r}", recipe.data, "Build it first")
    return [example for example in examples if example.id in ids]


def shown_images(
    recipe: EvaluateRecipe, examples: Sequence[Example]
) -> dict[str, tuple[View, ...]] | None:
    """Another patient's views for the blind condition; none for all others."""
    return shuffled_images(examples, recipe.seed) if recipe.condition == "blind" else None


def tasks_of(examples: Sequence[Example]) -> dict[str, Task]:
    """The tasks of the examples by name."""
    return {name: resolve("tasks", name)() for name in sorted({e.task for e in examples})}


def log_path(recipe: EvaluateRecipe) -> Path:
    """The prediction log of the recipe's condition."""
    return recipe.out / f"predictions-{recipe.condition}.jsonl"


def _check_model(recipe: EvaluateRecipe) -> None:
    if recipe.model is None:
        raise RecipeError(f"condition {recipe.condition!r} needs a model", "model", "Name a folder")


def data_hash(examples: Sequence[Example]) -> str:
    """Hash of what was asked and wanted, whatever the order and wherever the images lie.

    It names what it looks at: a field that a later version adds must not change it.
    """
    lines = sorted(
        repr((e.id, [v.id for v in e.views], [_wanted(turn) for turn in e.turns])) for e in examples
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _wanted(turn: Turn) -> tuple[Any, ...]:
    target = turn.target
    held = None if target is None else (target.text, dict(target.labels), target.boxes)
    return turn.role, turn.parts, held


def _draw(examples: list[Example], most: int | None, recipe: EvaluateRecipe) -> list[Example]:
    if most is None or len(examples) <= most:
        return examples
    return random.Random(recipe.seed).sample(examples, most)


def _save(
    recipe: EvaluateRecipe,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    found: Mapping[str, Any],
) -> None:
    data = data_hash(examples)
    path, manifest = recipe.out / SCORES, read_json(recipe.data / MANIFEST)
    conditions = _earlier(path, data)
    makers = sorted({(p.model, p.revision, p.codec) for p in predictions})
    conditions[recipe.condition] = {
        "model": [dict(zip(("name", "revision", "codec"), made, strict=True)) for made in makers],
        "radvlm": __version__,
        "recipe": recipes.digest(recipe),
        "bootstrap": recipe.bootstrap.model_dump(),
        **found,
    }
    head = {
        "schema_version": 1,
        "data": data,
        "mixture": manifest["mixture"],
        "content": manifest["content"].get(recipe.split),
        "references": references_of(manifest),
        "split": recipe.split,
        "examples": len(examples),
        "contaminated": _contaminated(manifest, examples),
        "access": strictest(example.access for example in examples),
        "sensitive": sorted(
            [p.name for p in recipe.out.glob("predictions-*.jsonl")]
            + [CALLS] * (recipe.out / CALLS).exists()
        ),
    }
    write_json(path, {**head, "conditions": conditions})
    write_json(recipe.out / f"recipe-{recipe.condition}.json", recipes.dump(recipe))


def _contaminated(manifest: Mapping[str, Any], examples: Sequence[Example]) -> dict[str, int]:
    """How many of the examples are of patients that the same mixture trains on."""
    listed = manifest["leak"]["contaminated_test_examples"]
    return {"n": len({e.id for e in examples} & set(listed)), "of": len(examples)}


def _earlier(path: Path, data: str) -> dict[str, Any]:
    """The conditions already scored on the same data."""
    if not path.exists():
        return {}
    tree = read_json(path)
    if tree.get("data") != data:
        raise OutputError("holds scores of other examples", path, "Choose another out")
    conditions: dict[str, Any] = tree["conditions"]
    return conditions
