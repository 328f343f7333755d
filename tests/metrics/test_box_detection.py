"""Detection rate and the IoU of what is found, by hand and against ``mean_iou``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import answer_strategy, boxed, target_strategy

from radvlm.metrics.box_detection import DetectionRate, MeanIouFound
from radvlm.metrics.mean_iou import MeanIou
from radvlm.protocols import Metric
from radvlm.records import Answer, Box

A = Box(0.0, 0.0, 0.2, 0.2)
A_SHIFTED = Box(0.0, 0.0, 0.2, 0.3)  # IoU with A: 2/3
B = Box(0.5, 0.5, 0.9, 0.9)


def figure(metric: Metric, answers: list[Answer], targets: list[Answer]) -> float:
    return float(metric.reduce(metric.rows(answers, targets), np.ones((1, len(targets))))[0])


def test_both_by_hand() -> None:
    answers = [boxed(A_SHIFTED), boxed(B), Answer(), boxed(A)]
    targets = [boxed(A, B), boxed(A), boxed(B), Answer()]
    assert figure(DetectionRate(), answers, targets) == pytest.approx(1 / 4)
    assert figure(MeanIouFound(), answers, targets) == pytest.approx(2 / 3)
    assert figure(MeanIou(), answers, targets) == pytest.approx(2 / 3 / 4)


def test_a_second_box_on_the_same_target_finds_nothing_more() -> None:
    assert figure(DetectionRate(), [boxed(A, A_SHIFTED)], [boxed(A, B)]) == pytest.approx(1 / 2)
    assert figure(MeanIouFound(), [boxed(A_SHIFTED, A)], [boxed(A, B)]) == 1


def test_a_failed_answer_is_no_miss_left_out() -> None:
    failed, target = Answer(readable=False), boxed(A, B)
    assert MeanIouFound().rows([failed, Answer()], [target] * 2).tolist() == [[0, 2], [0, 0]]
    assert figure(MeanIouFound(), [failed, boxed(A)], [target, boxed(A)]) == pytest.approx(1 / 3)


@given(
    pairs=st.lists(
        st.tuples(answer_strategy.filter(lambda a: a.readable), target_strategy),
        min_size=1,
        max_size=6,
    )
)
def test_mean_iou_is_the_product_of_the_two(pairs: list[tuple[Answer, Answer]]) -> None:
    answers, targets = [a for a, _ in pairs], [t for _, t in pairs]
    whole, rate, found = (
        figure(metric, answers, targets) for metric in (MeanIou(), DetectionRate(), MeanIouFound())
    )
    if rate > 0:
        assert whole == pytest.approx(rate * found)
    else:
        assert np.isnan(found) and (whole == 0 or np.isnan(whole))
