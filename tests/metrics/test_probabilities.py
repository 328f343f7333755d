"""AUROC and calibration of labels and boxes against scikit-learn and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from radvlm.errors import InputError
from radvlm.metrics.box_calibration import BoxCalibration
from radvlm.metrics.label_probabilities import LabelAuroc13, LabelCalibration13
from radvlm.records import Answer, Box, Status
from radvlm.vocabulary import CHEXPERT_13

EVERY = np.ones((1, 60))
BOX, AWAY = Box(0.1, 0.1, 0.4, 0.4), Box(0.6, 0.6, 0.9, 0.9)


def drawn(seed: int = 0) -> tuple[list[Answer], list[Answer], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((60, 13)) < 0.4
    odds = np.clip(0.3 * truth + rng.random((60, 13)) * 0.7, 0, 1)
    answers = [Answer(probabilities=dict(zip(CHEXPERT_13, p, strict=True))) for p in odds.tolist()]
    targets = [Answer(labels=labels(row)) for row in truth.tolist()]
    return answers, targets, odds, truth


def labels(row: list[bool]) -> dict[str, Status]:
    return {n: "present" if t else "absent" for n, t in zip(CHEXPERT_13, row, strict=True)}


def test_auroc_is_scikit_learn_s() -> None:
    answers, targets, odds, truth = drawn()
    metric = LabelAuroc13()
    rows = metric.rows(answers, targets)
    assert metric.reduce(rows, EVERY)[0] == pytest.approx(roc_auc_score(truth, odds))
    weights = np.random.default_rng(1).integers(0, 3, (4, 60)).astype(float)
    for weight, value in zip(weights, metric.reduce(rows, weights), strict=True):
        wanted = roc_auc_score(truth, odds, sample_weight=weight)
        assert value == pytest.approx(wanted)


def test_uncertain_and_unknown_labels_do_not_count() -> None:
    answers, targets, *_ = drawn()
    metric = LabelAuroc13()
    before = metric.reduce(metric.rows(answers, targets), EVERY)[0]
    more = [*answers, Answer(probabilities={CHEXPERT_13[0]: 0.99})]
    held = [*targets, Answer(labels={CHEXPERT_13[0]: "uncertain"})]
    assert metric.reduce(metric.rows(more, held), np.ones((1, 61)))[0] == before


def test_a_missing_probability_is_as_wrong_as_can_be() -> None:
    name = CHEXPERT_13[0]
    targets = [Answer(labels={name: "present"}), Answer(labels={name: "absent"})]
    answers = [Answer(), Answer(probabilities={name: 0.5})]
    metric = LabelAuroc13()
    assert metric.reduce(metric.rows(answers, targets), np.ones((1, 2)))[0] == 0


def test_calibration_by_hand() -> None:
    name = CHEXPERT_13[0]
    answers = [Answer(probabilities={name: p}) for p in (0.85, 0.85, 0.85, 0.85, 0.15)]
    truths: list[Status] = ["present", "present", "present", "absent", "absent"]
    targets = [Answer(labels={name: truth}) for truth in truths]
    metric = LabelCalibration13()
    found = metric.reduce(metric.rows(answers, targets), np.ones((1, 5)))[0]
    # Four at 0.85 of which three are right (gap 0.4 in sum), one at 0.15 that is absent (0.15).
    assert found == pytest.approx((0.4 + 0.15) / 5)


def test_boxes_by_hand() -> None:
    target = Answer(boxes=(("nodule", BOX, None),))
    answers = [
        Answer(boxes=(("nodule", BOX, 0.95),)),
        Answer(boxes=(("nodule", AWAY, 0.95), ("nodule", BOX, None))),
        Answer(),
    ]
    metric = BoxCalibration()
    rows = metric.rows(answers, [target] * 3)
    found = metric.reduce(rows, np.ones((1, 3)))[0]
    # Bin 0.9–1: gaps −0.05 and +0.95; bin 0–0.1: the box without confidence, a hit, −1.
    assert found == pytest.approx((0.9 + 1.0) / 3)


@pytest.mark.parametrize("metric", [LabelAuroc13(), LabelCalibration13(), BoxCalibration()])
def test_without_any_probability_it_is_not_run(metric: LabelAuroc13) -> None:
    said = Answer(boxes=(("nodule", BOX, None),))
    with pytest.raises(InputError, match="not run"):
        metric.rows([said], [said])
