from __future__ import annotations

import dataclasses
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fake_evaluation import TASKS, FakeModel, fake_examples
from radvlm.evaluate.answers import read_answers
from radvlm.evaluate.log import read_predictions
from radvlm.evaluate.predict import predict
from radvlm.evaluate.score import paired_difference, score
from radvlm.metrics.rouge_l import RougeL
from radvlm.protocols import Decoding, Rows
from radvlm.records import Answer, Prediction, Reply, Score

EXAMPLES = fake_examples(12)


def played(tmp_path: Path, model: FakeModel | None = None) -> list[Prediction]:
    log = tmp_path / "log.jsonl"
    predict(model or FakeModel.perfect(EXAMPLES), EXAMPLES, log, Decoding())
    return read_predictions(log)


def by_key(scores: Sequence[Score]) -> dict[str, Score]:
    return {s.key.split("@")[0].rsplit("/", 1)[0]: s for s in scores}


def test_a_perfect_model_scores_one_everywhere(tmp_path: Path) -> None:
    scores = score(EXAMPLES, played(tmp_path), TASKS, bootstrap=50)
    assert [s.value for s in scores] == pytest.approx([1] * 5)
    assert all(s.interval == pytest.approx((1, 1)) for s in scores)
    # The turn without a target is not scored.
    assert [s.n_total for s in scores] == [12, 12, 12, 24, 24]
    assert scores[0].key == "fake_boxes/ap50_by_name/radvlm-text-order@iou=0.5"


def test_a_dropped_prediction_is_a_failure_and_lowers_every_figure(tmp_path: Path) -> None:
    predictions = played(tmp_path)
    lost = {"fake_boxes-1", "fake_facts-1"}
    scores = score(EXAMPLES, [p for p in predictions if p.example not in lost], TASKS)
    for figure in scores:
        turns = 1 if figure.key.startswith("fake_boxes") else 2
        assert (figure.n_failed, figure.n_scored) == (turns, figure.n_total - turns)
        assert figure.value is not None and figure.value < 1
        assert figure.interval is not None and figure.interval[0] < figure.value


def test_an_error_keeps_the_replies_before_it(tmp_path: Path) -> None:
    replies = (Reply("no edema", 2, "stop", 0.0), Reply("no fracture", 2, "error", 0.0))
    prediction = Prediction("fake_facts-0", 0, "m", "r", "radvlm_01", replies, "failed")
    items = read_answers([EXAMPLES[1]], [prediction], TASKS)
    assert [item.answer.readable for item in items] == [True, False]
    assert [item.turn for item in items] == [0, 1]


def test_order_of_examples_and_predictions_is_no_matter(tmp_path: Path) -> None:
    model = FakeModel.perfect(EXAMPLES)
    model.table["2.png|edema"] = "has edema"
    predictions = played(tmp_path, model)
    shuffled = random.Random(0).sample(predictions, len(predictions))
    first = score(EXAMPLES, predictions, TASKS)
    second = score(EXAMPLES[::-1], shuffled, TASKS)
    for a, b in zip(first, second, strict=True):
        assert a.key == b.key and a.value == pytest.approx(b.value)
        assert a.interval == pytest.approx(b.interval)
    assert score(EXAMPLES, shuffled, TASKS) == first


def test_the_interval_is_that_of_resampled_patients(tmp_path: Path) -> None:
    model = FakeModel.perfect(EXAMPLES)
    for i in range(0, 12, 2):
        model.table[f"{i}.png|edema"] = model.table[f"{i}.png|fracture"] = "nonsense"
    accuracy = by_key(score(EXAMPLES, played(tmp_path, model), TASKS, bootstrap=4000))[
        "fake_facts/fact_accuracy"
    ]
    # Half of 12 patients have both facts wrong: binomial(12, ½) / 12 has these percentiles.
    assert accuracy.value == pytest.approx(0.5)
    assert accuracy.interval == pytest.approx((3 / 12, 9 / 12))
    assert accuracy.n_failed == 12


def test_boxes_mended_by_the_codec_are_said_to_be(tmp_path: Path) -> None:
    reply = Reply("[0.50, 0.20, 0.10, 0.40]", 9, "stop", 0.0)
    prediction = Prediction("fake_boxes-0", 0, "m", "r", "radvlm_01", (reply,))
    (item,) = read_answers([EXAMPLES[0]], [prediction], TASKS)
    assert item.answer.mended and item.answer.boxes[0][1].x2 == 0.5


def test_a_metric_that_raises_loses_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: RougeL, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        raise ZeroDivisionError("words of a patient's report")

    monkeypatch.setattr(RougeL, "rows", broken)
    monkeypatch.setattr(TASKS["fake_boxes"], "metrics", ("rouge_l", "no_such_metric", "mean_iou"))
    with caplog.at_level(logging.WARNING):
        scores = score(EXAMPLES[::2], played(tmp_path), TASKS)
    assert [s.value for s in scores] == [None, None, 1.0]
    assert [s.n_total for s in scores] == [12, 12, 12]
    assert [s.n_scored for s in scores] == [0, 0, 12]
    assert scores[0].note == "failed: ZeroDivisionError" and scores[2].note is None
    assert "ZeroDivisionError" in caplog.text and "no_such_metric" in caplog.text
    assert "patient's report" not in caplog.text


def test_a_recipe_may_ask_for_other_metrics(tmp_path: Path) -> None:
    chosen = {"fake_boxes": ("mean_iou",)}
    scores = score(EXAMPLES, played(tmp_path), TASKS, bootstrap=5, metrics=chosen)
    assert [s.key.split("/")[:2] for s in scores] == [
        ["fake_boxes", "mean_iou"],
        ["fake_facts", "label_macro_f1"],
        ["fake_facts", "fact_accuracy"],
    ]


def test_one_patient_has_a_value_and_no_interval(tmp_path: Path) -> None:
    both = [e for e in EXAMPLES if e.id in ("fake_facts-0", "fake_facts-1")]
    assert score(both, played(tmp_path), TASKS)[1].interval == pytest.approx((1, 1))
    same = [dataclasses.replace(e, patient="p") for e in both]
    accuracy = score(same, played(tmp_path), TASKS)[1]
    assert accuracy.value == 1 and accuracy.interval is None


def test_further_samples_of_an_example_are_not_scored(tmp_path: Path) -> None:
    predictions = played(tmp_path)
    others = [dataclasses.replace(p, sample=1, replies=()) for p in predictions]
    assert score(EXAMPLES, [*predictions, *others], TASKS) == score(EXAMPLES, predictions, TASKS)


def test_nothing_to_find_and_nothing_found_is_undefined(tmp_path: Path) -> None:
    negative = [e for e in EXAMPLES if e.id in ("fake_boxes-0", "fake_boxes-3")]
    figures = by_key(score(negative, played(tmp_path), TASKS))
    assert figures["fake_boxes/box_f1_50"].value is None
    assert figures["fake_boxes/box_f1_50"].interval is None
    assert figures["fake_boxes/ap50_by_name"].value == 1


def test_a_paired_difference_is_narrower_than_the_two_intervals(tmp_path: Path) -> None:
    worse = FakeModel.perfect(EXAMPLES)
    for i in range(0, 12, 2):
        worse.table[f"{i}.png|edema"] = worse.table[f"{i}.png|fracture"] = "nonsense"
    better = FakeModel(dict(worse.table), revision="r1")
    better.table["0.png|edema"] = "no edema"
    facts = [e for e in EXAMPLES if e.task == "fake_facts"]
    first, second = played(tmp_path / "a", better), played(tmp_path / "b", worse)
    difference = by_key(paired_difference(facts, first, second, TASKS))["fake_facts/fact_accuracy"]
    # One of 24 facts; the resamples that draw patient 0 not at all make the lower end 0.
    assert difference.value == pytest.approx(1 / 24)
    assert difference.interval is not None
    assert difference.interval[0] == 0 and difference.interval[1] < 4 / 24
    assert (difference.n_total, difference.n_failed) == (24, 12)
    reverse = by_key(paired_difference(facts, second, first, TASKS))["fake_facts/fact_accuracy"]
    assert np.allclose(reverse.interval or (), [-v for v in difference.interval[::-1]])
