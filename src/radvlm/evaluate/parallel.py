"""Predictions by several processes: each has the model, a share of the examples and a log.

Killed anywhere, each goes on from its own log; when all are done their lines join the log of the
run in the order of the examples, and the logs of the processes are removed. For a served model
one process is enough: it keeps all endpoints busy by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from radvlm import recipe as recipes
from radvlm.errors import RecipeError
from radvlm.evaluate.log import PredictionLog, read_predictions, run_of
from radvlm.evaluate.predict import Progress, predict
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.io.egress import strictest
from radvlm.models.card import read_card, revision_of
from radvlm.models.opening import opened
from radvlm.protocols import Decoding, ModelInfo
from radvlm.records import Example, View
from radvlm.runtime.shards import map_shards

Shown = dict[str, tuple[View, ...]]
Share = tuple[Path, list[Example], Shown | None]


def decoding_of(recipe: EvaluateRecipe) -> Decoding:
    """How replies of an evaluation are written."""
    return Decoding(max_tokens=recipe.decoding.max_tokens, logprobs=recipe.decoding.logprobs)


def predict_share(share: Share, recipe: EvaluateRecipe, progress: Progress | None = None) -> None:
    """Predict some examples into a log with the recipe's model, which is opened for it."""
    log, examples, images = share
    assert recipe.model is not None  # the caller has looked
    with opened(recipe.model, strictest(example.access for example in examples)) as model:
        _check_tasks(model.info, examples)
        predict(
            model,
            examples,
            log,
            decoding_of(recipe),
            condition=recipe.condition,
            batch_size=recipe.batch_size,
            images=images,
            forced=recipe.condition == "teacher_forced",
            label_odds=recipe.decoding.label_probabilities,
            progress=progress,
        )


def _check_tasks(info: ModelInfo, examples: Sequence[Example]) -> None:
    """A task that a baseline has no prompts for would be a score of 0 that says nothing of it."""
    beyond = {example.task for example in examples} - set(info.tasks)
    if info.family == "baseline" and beyond:
        raise RecipeError(
            f"{info.name} was not made for {', '.join(sorted(beyond))}",
            "tasks",
            f"Evaluate it on its own: tasks=[{', '.join(info.tasks)}]",
        )


def predict_in_parallel(
    recipe: EvaluateRecipe,
    examples: Sequence[Example],
    log: Path,
    images: Shown | None,
    progress: Progress | None = None,
) -> None:
    """Predict what the log does not hold yet with ``recipe.workers`` processes.

    Raises:
        RecipeError: the model is a served one.
    """
    known = PredictionLog(log, _run(recipe))
    left = [e for e in examples if not known.holds(e, (images or {}).get(e.id, e.views))]
    count = min(recipe.workers, len(left))
    shares: list[Share] = [
        (log.with_suffix(f".{index + 1}-of-{count}.part"), left[index::count], images)
        for index in range(count)
    ]
    work = partial(_worker, recipe=recipes.dump(recipe))
    list(map_shards(work, shares, workers=count, progress=progress) if shares else ())
    said = {p.example: p for own, _, _ in shares for p in read_predictions(own)}
    for example in left:
        known.append(example, (images or {}).get(example.id, example.views), said[example.id])
    known.close()
    for own, _, _ in shares:
        own.unlink()


def _worker(share: Share, recipe: dict[str, object]) -> None:
    predict_share(share, EvaluateRecipe.model_validate(recipe))


def _run(recipe: EvaluateRecipe) -> dict[str, object]:
    """What the lines of the log will say of the run, told without loading the weights."""
    assert recipe.model is not None  # the caller has looked
    if recipe.model.is_file():
        remedy = "Leave workers at 1; the description names as many endpoints as there are"
        raise RecipeError("one process serves all endpoints of a served model", "workers", remedy)
    info = read_card(recipe.model).about(revision_of(recipe.model))
    odds = recipe.decoding.label_probabilities
    return run_of(info, decoding_of(recipe), recipe.condition, odds)
