"""What an evaluation folder says of one condition: answers, their own figures, counts, groups.

Everything comes from the folder and the data set it names: no model is asked, and no judge. The
figure of a single answer is the metric reduced with that answer's row alone; a corpus figure is
not in general the mean of these.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from radvlm.errors import TableError
from radvlm.evaluate.answers import ImageMap, Item, read_answers
from radvlm.evaluate.log import read_predictions
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.references import references_of
from radvlm.evaluate.run import SCORES, chosen, data_hash, log_path, shown_images, tasks_of
from radvlm.evaluate.score import Measured, measure
from radvlm.evaluate.statistics import Floats
from radvlm.evaluate.subgroups import Subgroup, worst
from radvlm.io.dataset import MANIFEST
from radvlm.io.files import read_json
from radvlm.io.jsonl import score_from_json
from radvlm.recipe import check
from radvlm.records import Example, Prediction, Score

BINS = 10
_BLOCK = 512
"""Answers whose figures are computed at once: bounds the memory, whatever their number."""


class Counts(Protocol):
    """How exactly counts may be shown; a share-safe page hides the small ones."""

    def hides(self, count: int) -> bool:
        """Whether the count is too small to be told."""
        ...

    def value(self, count: int) -> int:
        """The count as it may be drawn."""
        ...

    def text(self, count: int) -> str:
        """The count as it may be written."""
        ...


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One condition of an evaluation; ``head`` is its scores file, ``entry`` the condition's."""

    recipe: EvaluateRecipe
    head: Mapping[str, Any]
    entry: Mapping[str, Any]
    examples: Sequence[Example]
    predictions: Mapping[str, Prediction]
    images: ImageMap | None
    items: Sequence[Item]
    measured: Sequence[Measured]


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric of a task: the corpus figure, and how the single answers are spread.

    ``bins`` count the answers between ``low`` and ``high``, ``undefined`` those without a figure
    of their own. ``groups`` are those of the scores file, ``lowest`` the worst of them.
    """

    task: str
    key: str
    name: str
    lower_is_better: bool
    corpus: Score | None
    note: str
    answers: int
    undefined: int
    bins: tuple[int, ...]
    low: float
    high: float
    groups: tuple[Subgroup, ...]
    lowest: Subgroup | None


@dataclass(frozen=True, slots=True)
class TaskCount:
    """Answers of one task: how many, why some failed, how many were read after a repair."""

    task: str
    examples: int
    answers: int
    failures: Mapping[str, int]
    mended: int


def open_evaluation(folder: Path, condition: str) -> Evaluation:
    """Read one condition of an evaluation folder and measure its answers again.

    Raises:
        TableError: the folder holds no scores of that condition, or the data set has changed since.
    """
    head = _scores_of(folder, condition)
    plain = read_json(folder / f"recipe-{condition}.json")
    recipe = check(EvaluateRecipe, {**plain, "out": folder}, folder)
    examples = chosen(recipe)
    if data_hash(examples) != head["data"]:
        raise TableError("was evaluated on other examples", recipe.data, "Evaluate again")
    tasks, images = tasks_of(examples), shown_images(recipe, examples)
    predictions = read_predictions(log_path(recipe))
    items = read_answers(examples, predictions, tasks, images)
    references = references_of(read_json(recipe.data / MANIFEST))
    return Evaluation(
        recipe=recipe,
        head=head,
        entry=head["conditions"][condition],
        examples=examples,
        predictions={one.example: one for one in predictions if one.sample == 0},
        images=images,
        items=items,
        measured=list(measure(items, tasks, recipe.metrics, references)),
    )


def own_figures(measured: Measured) -> Floats:
    """The figure of each answer by itself, [n]; NaN where it has none."""
    if measured.metric is None or measured.rows is None:
        return np.full(len(measured.items), np.nan)
    blocks = [measured.rows[k : k + _BLOCK] for k in range(0, len(measured.rows), _BLOCK)]
    return np.concatenate([measured.metric.reduce(rows, np.eye(len(rows))) for rows in blocks])


def failure_of(item: Item, prediction: Prediction | None) -> str:
    """Why an answer counts as failed, in words that hold nothing of the data; empty if it is not.

    Of an error only its class is named.
    """
    if prediction is None:
        return "no prediction"
    if item.turn >= len(prediction.replies):
        kind = (prediction.error or "").partition(":")[0]
        return kind if kind.isidentifier() and kind.endswith("Error") else "no reply"
    reply = prediction.replies[item.turn]
    if reply.finish == "error":
        return "error in the reply"
    if item.answer.readable:
        return ""
    return "cut off, unreadable" if reply.finish == "length" else "unreadable"


def figures_of(found: Evaluation, values: Sequence[Floats]) -> list[Figure]:
    """Each metric with its corpus figure and its spread; ``values`` are the answers' own."""
    scores = {one["key"]: score_from_json(one) for one in found.entry["scores"]}
    names = _names(found.measured)
    figures = []
    for measured, own in zip(found.measured, values, strict=True):
        defined = own[~np.isnan(own)]
        low, high = _range(defined)
        lower = "lower-is-better" in measured.key
        groups = _groups(found.entry.get("subgroups", {}).get(measured.key, ()))
        figures.append(
            Figure(
                task=measured.task,
                key=measured.key,
                name=names[measured.key],
                lower_is_better=lower,
                corpus=scores.get(measured.key),
                note=measured.note or "",
                answers=len(own),
                undefined=len(own) - len(defined),
                bins=tuple(np.histogram(defined, BINS, (low, high))[0].tolist()),
                low=low,
                high=high,
                groups=groups,
                lowest=worst(groups, higher_is_better=not lower),
            )
        )
    return figures


def task_counts(found: Evaluation) -> list[TaskCount]:
    """Answers, failures by cause and repairs of each task, tasks sorted."""
    by_task: dict[str, list[Item]] = defaultdict(list)
    for item in found.items:
        by_task[item.example.task].append(item)
    counts = []
    for task, items in sorted(by_task.items()):
        causes = Counter(failure_of(item, found.predictions.get(item.example.id)) for item in items)
        del causes[""]
        examples = len({item.example.id for item in items})
        mended = sum(item.answer.mended for item in items)
        counts.append(TaskCount(task, examples, len(items), dict(sorted(causes.items())), mended))
    return counts


def _scores_of(folder: Path, condition: str) -> dict[str, Any]:
    if not (folder / SCORES).is_file():
        remedy = "Name the folder of one evaluation; those of a protocol lie below it"
        raise TableError(f"holds no {SCORES}", folder, remedy)
    head: dict[str, Any] = read_json(folder / SCORES)
    known = head.get("conditions") if isinstance(head, dict) else None
    if not isinstance(known, dict) or condition not in known:
        remedy = f"Known: {', '.join(known)}" if known else "Evaluate first"
        raise TableError(f"holds no scores of condition {condition!r}", folder, remedy)
    return head


def _names(measured: Sequence[Measured]) -> dict[str, str]:
    """Key → its first word, or all of it where two of a task have the same."""
    words = {one.key: one.key.removeprefix(f"{one.task}/") for one in measured}
    short = Counter((one.task, words[one.key].split("/")[0]) for one in measured)
    return {
        one.key: words[one.key]
        if short[one.task, words[one.key].split("/")[0]] > 1
        else words[one.key].split("/")[0]
        for one in measured
    }


def _range(values: Floats) -> tuple[float, float]:
    """0…1, or the whole numbers around the values where they reach beyond."""
    if not len(values):
        return 0.0, 1.0
    return min(0.0, float(np.floor(values.min()))), max(1.0, float(np.ceil(values.max())))


def _groups(plain: Sequence[Mapping[str, Any]]) -> tuple[Subgroup, ...]:
    try:
        return tuple(Subgroup(**one) for one in plain)
    except TypeError as error:
        raise TableError("subgroups are of another version", SCORES, "Score anew") from error
