"""Predictions → scores, from the log alone: no model, no images, any number of times.

Every assistant turn with a target is one answer. What a model did not answer (no prediction, an
error, an unreadable reply) is the metric's worst row and is counted as failed, never left out.
Intervals are 95 % bootstrap percentiles over patients.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from radvlm.codecs import get_codec
from radvlm.evaluate.statistics import Floats, interval, patient_of, patient_weights
from radvlm.io.image import image_size
from radvlm.protocols import Metric, Rows, Task
from radvlm.records import Answer, Example, Part, Prediction, Reply, Score, View
from radvlm.registry import resolve

log = logging.getLogger(__name__)

ImageMap = Mapping[str, tuple[View, ...]]
"""Example id → the views shown instead of the example's own."""

FAILED = Answer(readable=False)
"""What stands for an answer that was never given."""


@dataclass(frozen=True, slots=True)
class Item:
    """One answer to be scored: which user turn (from 0) of which example, said and wanted."""

    example: Example
    turn: int
    question: tuple[Part, ...]
    answer: Answer
    target: Answer


def read_answers(
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    tasks: Mapping[str, Task],
    images: ImageMap | None = None,
) -> list[Item]:
    """Every turn with a target, in the order of ``examples``, with what was answered to it.

    Only sample 0 of a prediction is read. ``images`` gives the views that were shown, where they
    were not the example's own: boxes are read against the size of what the model saw.
    """
    found = {p.example: p for p in predictions if p.sample == 0}
    items = []
    for example in examples:
        prediction = found.get(example.id)
        views = (images or {}).get(example.id, example.views)
        for index, question, target in _asked(example):
            answer = FAILED
            if prediction is not None and index < len(prediction.replies):
                reply = prediction.replies[index]
                answer = _read(reply, question, tasks[example.task], prediction.codec, views[0])
            items.append(Item(example, index, question, answer, target))
    return items


def score(
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    tasks: Mapping[str, Task],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    images: ImageMap | None = None,
) -> list[Score]:
    """Each default metric of each task; keys are ``task/metric key``.

    A metric that cannot be computed has value none and a line in the application log; one that is
    undefined on these targets (nothing to find, nothing found) has value none too. The interval
    is none with fewer than two patients.
    """
    items = read_answers(examples, predictions, tasks, images)
    return [
        _figure(key, measured, group, bootstrap, seed)
        for key, measured, group in _measured(items, tasks)
    ]


def paired_difference(
    examples: Sequence[Example],
    first: Sequence[Prediction],
    second: Sequence[Prediction],
    tasks: Mapping[str, Task],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[Score]:
    """``first`` minus ``second`` on the same examples, with the interval of the difference.

    Both are resampled with the same patients. An answer failed by either counts in ``n_failed``.
    """
    items = read_answers(examples, first, tasks), read_answers(examples, second, tasks)
    results = []
    for (key, one, group), (_, two, other) in zip(
        _measured(items[0], tasks), _measured(items[1], tasks), strict=True
    ):
        failed = sum(not (a.answer.readable and b.answer.readable) for a, b in zip(group, other))
        results.append(_difference(key, one, two, group, failed, bootstrap, seed))
    return results
