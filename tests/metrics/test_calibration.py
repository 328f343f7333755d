"""Figures of probabilities against scikit-learn, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from radvlm.errors import InputError
from radvlm.metrics.calibration import (
    auroc,
    box_confidence_rows,
    brier,
    calibration_error,
    probability_rows,
    reliability,
)
from radvlm.records import Answer, Box

grid = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5001, 0.75, 1.0])
cases = st.lists(st.tuples(grid, st.booleans(), st.integers(0, 3)), min_size=1, max_size=25)


@settings(max_examples=150)
@given(cases=cases)
def test_auroc_and_brier_with_ties_and_weights_are_scikit_learns(
    cases: list[tuple[float, bool, int]],
) -> None:
    probability, truth, weight = (np.array(column) for column in zip(*cases, strict=True))
    rows, failed = probability_rows(probability.tolist(), truth.tolist())
    weights = np.array([weight, np.ones(len(cases))], dtype=np.float64)
    assert failed == 0
    for own, area, loss in zip(weights, auroc(rows, weights), brier(rows, weights), strict=True):
        kept = own > 0
        if not kept.any():
            assert np.isnan(area) and np.isnan(loss)
            continue
        arguments = truth[kept], probability[kept]
        assert loss == pytest.approx(brier_score_loss(*arguments, sample_weight=own[kept]))
        if len(set(truth[kept].tolist())) == 2:
            assert area == pytest.approx(roc_auc_score(*arguments, sample_weight=own[kept]))
        else:
            assert np.isnan(area)


def test_calibration_error_by_hand() -> None:
    # Bins 0.2 to 0.3 (one of four true) and 0.9 to 1 (two of four true).
    rows, _ = probability_rows(
        [0.2] * 4 + [0.95, 0.95, 1.0, 1.0], [True] + [False] * 3 + [True, True, False, False]
    )
    expected = (4 * abs(0.2 - 0.25) + 4 * abs(0.975 - 0.5)) / 8
    assert calibration_error(rows, np.ones((1, 8)))[0] == pytest.approx(expected)
    weights = np.array([[1.0] * 4 + [0.0] * 4])
    assert calibration_error(rows, weights)[0] == pytest.approx(0.05)


def test_a_calibrated_model_has_little_error_and_a_sure_one_much() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    truth = rng.random(20_000) < probability
    weights = np.ones((1, 20_000))
    honest, _ = probability_rows(probability.tolist(), truth.tolist())
    sure, _ = probability_rows((probability > 0.5).astype(float).tolist(), truth.tolist())
    assert calibration_error(honest, weights)[0] < 0.02
    assert calibration_error(sure, weights)[0] == pytest.approx(0.25, abs=0.01)


def test_the_reliability_curve_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    probability = rng.random(500) ** 2
    truth = rng.random(500) < probability**1.5
    rows, _ = probability_rows(probability.tolist(), truth.tolist())
    curve = [one for one in reliability(rows) if one.count]
    observed, predicted = calibration_curve(truth, probability, n_bins=10)
    assert [one.observed for one in curve] == pytest.approx(observed.tolist())
    assert [one.predicted for one in curve] == pytest.approx(predicted.tolist())
    assert sum(one.count for one in curve) == 500


def test_empty_bins_and_no_answers() -> None:
    assert [(one.count, one.predicted) for one in reliability(np.zeros((0, 2)))] == [(0, None)] * 10
    for figure in (auroc, brier, calibration_error):
        assert np.isnan(figure(np.zeros((0, 2)), np.ones((2, 0)))).all()


@pytest.mark.parametrize("odd", [None, float("nan"), float("inf"), -0.1, 1.1])
def test_an_answer_without_a_probability_is_sure_and_wrong(odd: float | None) -> None:
    rows, failed = probability_rows([odd, odd, 0.7], [True, False, True])
    assert failed == 2 and rows.tolist() == [[0, 1], [1, 0], [0.7, 1]]
    with pytest.raises(InputError, match="1 probabilities for 2 truths"):
        probability_rows([0.5], [True, False])


def test_boxes_are_rows_of_confidence_and_hit() -> None:
    here, there = Box(0, 0, 0.4, 0.4), Box(0.5, 0.5, 1, 1)
    target = Answer(boxes=(("Mass", here, None),))
    said = Answer(boxes=(("Mass", there, 0.3), ("Mass", here, 0.8), ("Mass", here, None)))
    answers = [said, Answer(readable=False, boxes=said.boxes), target]
    rows, index, failed = box_confidence_rows(answers, [target] * 3)
    # The second box on one target is false, and without a confidence it is sure of being true.
    assert rows.tolist() == [[0.3, 0], [0.8, 1], [1, 0], [0, 1]]
    assert (index, failed) == ([0, 0, 0, 2], 2)
