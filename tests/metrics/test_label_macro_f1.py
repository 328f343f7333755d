from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from radvlm.metrics.fact_accuracy import FactAccuracy
from radvlm.metrics.label_macro_f1 import LabelMacroF1
from radvlm.records import Answer, Status

NAMES = ("Atelectasis", "Edema", "Fracture", "Pneumonia")


def test_macro_f1_agrees_with_scikit_learn_on_random_labels_and_weights() -> None:
    rng = np.random.default_rng(3)
    wanted, said = rng.random((60, 4)) < 0.4, rng.random((60, 4)) < 0.5
    weights = rng.integers(0, 4, 60).astype(np.float64)
    targets = [
        Answer(labels={n: _status(v) for n, v in zip(NAMES, row, strict=True)}) for row in wanted
    ]
    # Silence and "uncertain" are both absent to the metric.
    answers = [
        Answer(labels={n: "present" for n, v in zip(NAMES, row, strict=True) if v}) for row in said
    ]
    metric = LabelMacroF1()
    ours = metric.reduce(metric.rows(answers, targets), np.stack([np.ones(60), weights]))
    for value, weight in zip(ours, [None, weights], strict=True):
        peer = f1_score(wanted, said, average="macro", sample_weight=weight)
        assert value == pytest.approx(peer)


def test_by_hand_with_silence_uncertainty_and_a_name_nobody_asked() -> None:
    targets = [
        Answer(labels={"Edema": "present", "Fracture": "absent"}),
        Answer(labels={"Edema": "present", "Fracture": "present"}),
        Answer(labels={"Edema": "uncertain", "Fracture": "absent"}),
    ]
    answers = [
        Answer(labels={"Edema": "present", "Nodule": "present"}),
        Answer(labels={"Fracture": "present", "Edema": "uncertain"}),
        Answer(labels={"Edema": "present"}),
    ]
    # Edema: tp 1, fn 1, fp 1 → 1/2. Fracture: tp 1 → 1. Nodule is in no target.
    metric = LabelMacroF1()
    rows = metric.rows(answers, targets)
    assert metric.reduce(rows, np.ones((1, 3)))[0] == pytest.approx(0.75)
    # Without the second answer Fracture has no support and is left out of the mean.
    assert metric.reduce(rows, np.array([[1.0, 0.0, 1.0]]))[0] == pytest.approx(2 / 3)


def test_an_unreadable_answer_misses_what_is_there_and_says_what_is_not() -> None:
    target = Answer(labels={"Edema": "present", "Fracture": "absent", "Nodule": "uncertain"})
    row = LabelMacroF1().rows([Answer(readable=False, labels=target.labels)], [target])[0]
    assert row.tolist() == [0, 0, 1, 0, 1, 0, 0, 1, 0]


def test_facts_need_the_very_status() -> None:
    target = Answer(labels={"Edema": "absent", "Fracture": "uncertain", "Nodule": "present"})
    answer = Answer(labels={"Edema": "absent", "Fracture": "present"})
    rows = FactAccuracy().rows([answer, Answer(readable=False)], [target, target])
    assert rows.tolist() == [[1, 3], [0, 3]]
    assert FactAccuracy().reduce(rows, np.ones((1, 2)))[0] == pytest.approx(1 / 6)


def _status(present: bool) -> Status:
    return "present" if present else "absent"
