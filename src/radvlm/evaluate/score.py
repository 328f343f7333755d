"""Predictions → scores, from the log alone: no model, any number of times.

Every assistant turn with a target is one answer; a failed one is the metric's worst row. Intervals
are 95 % bootstrap percentiles over patients.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from radvlm.errors import RadvlmError
from radvlm.evaluate.answers import ImageMap, Item, read_answers
from radvlm.evaluate.references import RAW, key_of
from radvlm.evaluate.statistics import Floats, patient_of, resample, resample_all
from radvlm.metrics.green import Green
from radvlm.metrics.resampling import interval
from radvlm.protocols import Metric, Rows, Task
from radvlm.records import Example, Prediction, Score
from radvlm.registry import resolve

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's rows [n, k] of a task's n items; none where it could not be computed, and why."""

    task: str
    key: str
    items: Sequence[Item]
    metric: Metric | None = None
    rows: Rows | None = None
    note: str | None = None

    @property
    def unjudged(self) -> int:
        """Readable answers that a judge gave no figure: rows whose count is 0."""
        if not isinstance(self.metric, Green) or self.rows is None:
            return 0
        given = zip(self.items, self.rows[:, 1], strict=True)
        return sum(item.answer.readable and not count for item, count in given)

    def values(self, weights: Floats) -> Floats:
        """The figure for each weighting [B, n] of the items, [B]; NaN where undefined."""
        if self.metric is None or self.rows is None:
            return np.full(len(weights), np.nan)
        return self.metric.reduce(self.rows, weights)


def score(
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    tasks: Mapping[str, Task],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    images: ImageMap | None = None,
    metrics: Mapping[str, Sequence[str]] | None = None,
) -> list[Score]:
    """Each metric of each task, tasks sorted; keys are ``task/metric key``.

    ``metrics`` names those of a task, where they are not its own defaults. ``n_total`` counts
    answers, ``n_failed`` those missing or unreadable. The value is none where a metric could not be
    computed (``note`` says why) or is undefined here (nothing to find and nothing found). The
    interval is none with fewer than two patients.
    """
    items = read_answers(examples, predictions, tasks, images)
    return summarise(list(measure(items, tasks, metrics)), bootstrap, seed)


def summarise(measured: Sequence[Measured], bootstrap: int, seed: int) -> list[Score]:
    """The score of each figure; those of one task see the same resampled patients, drawn once."""
    scores = []
    for _, group in groupby(measured, key=lambda one: one.task):
        same = list(group)
        values = [one.values for one in same]
        figures = resample_all(values, _clusters(same[0]), bootstrap, seed)
        for one, row in zip(same, figures, strict=True):
            failed = sum(not item.answer.readable for item in one.items) + one.unjudged
            scores.append(_summary(one, row, failed))
    return scores


def paired_difference(
    examples: Sequence[Example],
    first: Sequence[Prediction],
    second: Sequence[Prediction],
    tasks: Mapping[str, Task],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    second_images: ImageMap | None = None,
) -> list[Score]:
    """``first`` minus ``second``, figure by figure, with the interval of the difference.

    Both are resampled with the same patients. An answer either of them failed is in ``n_failed``.
    """
    one = measure(read_answers(examples, first, tasks), tasks)
    two = measure(read_answers(examples, second, tasks, second_images), tasks)
    scores = []
    for a, b in zip(one, two, strict=True):
        failed = sum(
            not (x.answer.readable and y.answer.readable)
            for x, y in zip(a.items, b.items, strict=True)
        )
        scores.append(_summary(a, resample(_minus(a, b), _clusters(a), bootstrap, seed), failed))
    return scores


def measure(
    items: Sequence[Item],
    tasks: Mapping[str, Task],
    metrics: Mapping[str, Sequence[str]] | None = None,
    references: tuple[str, ...] = RAW,
) -> Iterator[Measured]:
    """The rows of each metric of each task that has items; one that raises is noted and logged.

    ``references`` are the writers of the texts compared with, a part of a report figure's key.
    """
    by_task: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_task[item.example.task].append(item)
    for task, group in sorted(by_task.items()):
        for name in (metrics or {}).get(task, tasks[task].metrics):
            yield _rows(task, name, group, references)


def _minus(a: Measured, b: Measured) -> Callable[[Floats], Floats]:
    return lambda weights: a.values(weights) - b.values(weights)


def _rows(task: str, name: str, items: Sequence[Item], references: tuple[str, ...]) -> Measured:
    try:
        metric: Metric = resolve("metrics", name)()
    except Exception as error:  # one metric's defect must not lose the others' figures
        return _not_computed(task, key_of(task, name, references), items, error)
    return measured(task, metric, items, references)


def measured(
    task: str, metric: Metric, items: Sequence[Item], references: tuple[str, ...] = RAW
) -> Measured:
    """The rows of one metric; where it raises, a note in their place."""
    key = key_of(task, metric.key, references)
    try:
        rows = metric.rows([item.answer for item in items], [item.target for item in items])
        metric.reduce(rows, np.ones((1, len(items))))
    except Exception as error:  # as above
        return _not_computed(task, key, items, error)
    return Measured(task, key, items, metric, rows)


def _not_computed(task: str, key: str, items: Sequence[Item], error: Exception) -> Measured:
    reason = str(error) if isinstance(error, RadvlmError) else type(error).__name__
    log.warning("%s could not be computed: %s", key, reason)
    note = error.what if isinstance(error, RadvlmError) else f"failed: {type(error).__name__}"
    return Measured(task, key, items, note=note)


def _clusters(measured: Measured) -> list[tuple[str, str]]:
    return [patient_of(item.example) for item in measured.items]


def _summary(measured: Measured, figures: Floats, failed: int) -> Score:
    value = None if np.isnan(figures[0]) else float(figures[0])
    bounds = None if value is None else interval(figures[1:])
    total = len(measured.items)
    scored = total - failed if measured.note is None else 0
    return Score(measured.key, value, bounds, total, scored, failed, measured.note)
