"""The published figure against a re-statement of its procedure, and what it does not see."""

from __future__ import annotations

import random

import numpy as np
import pytest
from metric_cases import boxed

from radvlm.codecs import get_codec
from radvlm.metrics.box_f1_50 import BoxF1At50
from radvlm.metrics.box_precision_recall import BoxPrecisionAt50, BoxRecallAt50
from radvlm.metrics.paper_map50 import PaperMap50
from radvlm.protocols import Metric
from radvlm.records import Answer, Box

A = Box(0.0, 0.0, 0.2, 0.2)
B = Box(0.5, 0.5, 0.9, 0.9)
ELSEWHERE = Box(0.3, 0.0, 0.4, 0.1)


def figure(metric: Metric, answers: list[Answer], targets: list[Answer]) -> float:
    return float(metric.reduce(metric.rows(answers, targets), np.ones((1, len(targets))))[0])


def restated(said: list[Box], wanted: list[Box]) -> float:
    """The published AP of one sample, in plain numbers: match, curve, envelope, area."""
    if not said or not wanted:
        return 0.0
    taken, true, false = set(), 0, 0
    recall, precision = [0.0], [0.0]
    for box in said:
        overlaps = [overlap(box, other) for other in wanted]
        best = overlaps.index(max(overlaps))
        if overlaps[best] >= 0.5 and best not in taken:
            taken.add(best)
            true += 1
        else:
            false += 1
        recall.append(true / len(wanted))
        precision.append(true / (true + false))
    recall.append(1.0)
    precision.append(0.0)
    for k in range(len(precision) - 2, -1, -1):
        precision[k] = max(precision[k], precision[k + 1])
    return sum(
        (recall[k] - recall[k - 1]) * precision[k]
        for k in range(1, len(recall))
        if recall[k] != recall[k - 1]
    )


def overlap(a: Box, b: Box) -> float:
    wide = max(0.0, min(a.x2, b.x2) - max(a.x1, b.x1))
    high = max(0.0, min(a.y2, b.y2) - max(a.y1, b.y1))
    areas = [(box.x2 - box.x1) * (box.y2 - box.y1) for box in (a, b)]
    return wide * high / (areas[0] + areas[1] - wide * high)


def some_boxes(rng: random.Random, near: list[Box]) -> list[Box]:
    """Up to six boxes, most of them near one of ``near``; on a coarse grid, so that ties occur."""
    found = []
    for _ in range(rng.randrange(7)):
        if near and rng.random() < 0.7:
            box = rng.choice(near)
            x, y, w, h = box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1
            x, y = (min(max(v + rng.choice([-0.1, 0, 0, 0.1]), 0), 0.6) for v in (x, y))
        else:
            x, y, w, h = (rng.randrange(1, 5) / 10 for _ in range(4))
        found.append(Box(x, y, min(1, x + w), min(1, y + h)))
    return found


def test_it_is_the_published_procedure_on_2000_random_cases() -> None:
    rng = random.Random(0)
    wanted = [some_boxes(rng, []) for _ in range(2000)]
    said = [some_boxes(rng, boxes) for boxes in wanted]
    answers, targets = [boxed(*b) for b in said], [boxed(*b) for b in wanted]
    expected = [restated(a, t) for a, t in zip(said, wanted, strict=True)]
    rows = PaperMap50().rows(answers, targets)
    assert rows[:, 0] == pytest.approx(expected, abs=1e-12)
    assert figure(PaperMap50(), answers, targets) == pytest.approx(sum(expected) / 2000)
    # The cases are worth something: all, nothing and much between.
    assert len({round(value, 6) for value in expected}) > 30
    assert min(expected.count(0.0), expected.count(1.0)) > 50


def test_fifty_trailing_false_boxes_leave_it_at_one_while_precision_and_f1_fall() -> None:
    padded, target = boxed(A, B, *[ELSEWHERE] * 50), boxed(A, B)
    assert figure(PaperMap50(), [padded], [target]) == 1
    assert figure(BoxPrecisionAt50(), [padded], [target]) == pytest.approx(2 / 52)
    assert figure(BoxF1At50(), [padded], [target]) == pytest.approx(4 / 54)
    assert figure(BoxRecallAt50(), [padded], [target]) == 1


def test_the_same_false_box_first_costs_a_third() -> None:
    assert figure(PaperMap50(), [boxed(ELSEWHERE, A, B)], [boxed(A, B)]) == pytest.approx(2 / 3)


def test_a_box_whose_nearest_target_is_taken_is_false_even_if_another_would_do() -> None:
    wide, narrow = Box(0, 0, 0.4, 1), Box(0, 0, 0.25, 1)
    near = Box(0, 0, 0.34, 1)  # IoU 0.85 with the first target, 0.74 with the second
    answer, target = boxed(wide, near), boxed(wide, narrow)
    assert figure(PaperMap50(), [answer], [target]) == pytest.approx(0.5)
    assert figure(BoxRecallAt50(), [answer], [target]) == 1


def test_of_two_equal_targets_one_can_never_be_hit() -> None:
    assert figure(PaperMap50(), [boxed(A, A)], [boxed(A, A)]) == pytest.approx(0.5)
    assert figure(BoxF1At50(), [boxed(A, A)], [boxed(A, A)]) == 1


def test_a_right_denial_and_a_failed_answer_are_both_worth_nothing() -> None:
    answers = [Answer(), boxed(A), Answer(readable=False), boxed(A)]
    targets = [Answer(), Answer(), boxed(A), boxed(A)]
    assert PaperMap50().rows(answers, targets).tolist() == [[0, 1], [0, 1], [0, 1], [1, 1]]
    assert np.isnan(figure(PaperMap50(), [], []))


def test_one_odd_number_does_not_end_the_run() -> None:
    parts, mended = get_codec("radvlm_01").parse("[0.0., 0.0, 0.2, 0.2]", (1, 1))
    assert mended and parts == ((A,),)


def test_precision_and_recall_by_hand() -> None:
    answers = [boxed(A, ELSEWHERE), boxed(A), Answer(), Answer(readable=False)]
    targets = [boxed(A, B), Answer(), Answer(), boxed(A, B)]
    # One hit; false boxes: one, one, and two charged to the answer that failed.
    assert figure(BoxPrecisionAt50(), answers, targets) == pytest.approx(1 / 5)
    assert figure(BoxRecallAt50(), answers, targets) == pytest.approx(1 / 4)
    assert np.isnan(figure(BoxPrecisionAt50(), [Answer()], [boxed(A)]))
    assert np.isnan(figure(BoxRecallAt50(), [boxed(A)], [Answer()]))
