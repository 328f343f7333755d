"""Odd boxes in a log: counted, never fatal; figures that are not defined say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_evaluation import TASKS, fake_examples
from radvlm.codecs import Radvlm01
from radvlm.evaluate.answers import read_answers
from radvlm.evaluate.score import score
from radvlm.records import Prediction, Reply
from radvlm.registry import TABLES

EXAMPLES = [e for e in fake_examples(12) if e.task == "fake_boxes" and e.turns[1].parts[1:]]
NEW = {
    "paper_map50": "radvlm.metrics.paper_map50:PaperMap50",
    "box_precision_50": "radvlm.metrics.box_precision_recall:BoxPrecisionAt50",
    "coco_ap": "radvlm.metrics.coco_ap:CocoAp",
}


def predictions(texts: dict[int, str]) -> list[Prediction]:
    """The right answer to every example, but for those replaced."""
    codec = Radvlm01()
    found = []
    for index, example in enumerate(EXAMPLES):
        boxes = [p for p in example.turns[1].parts if not isinstance(p, str)]
        text = texts.get(index, codec.render(boxes[0], (1, 1)))
        reply = Reply(text, 1, "stop", 0.0)
        found.append(Prediction(example.id, 0, "m", "r", codec.name, (reply,)))
    return found


def test_odd_boxes_are_counted_and_cost_only_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, where in NEW.items():
        monkeypatch.setitem(TABLES["metrics"], name, where)
    long = "[0.90, 0.90, 0.95, 0.95], " * 40_000
    said = predictions({0: "[nan, 0, 1, 1]", 1: "[120, 30, 400, 500]", 2: long})
    items = read_answers(EXAMPLES, said, TASKS)
    assert [i.answer.readable for i in items] == [False, False] + [True] * (len(EXAMPLES) - 2)
    assert [i.answer.mended for i in items[:4]] == [True, True, False, False]
    names = {"fake_boxes": ("paper_map50", "box_precision_50", "coco_ap")}
    paper, precision, coco = score(EXAMPLES, said, TASKS, bootstrap=20, metrics=names)
    right = len(EXAMPLES) - 3
    assert paper.n_failed == 2 and paper.value == pytest.approx(right / len(EXAMPLES))
    assert precision.value == pytest.approx(right / (right + 2 + 40_000))
    assert (coco.value, coco.n_scored) == (None, 0)
    assert coco.note == "not defined: no answered box carries a confidence"


def test_mended_boxes_score_as_what_they_mean() -> None:
    odd = predictions({})
    for index, prediction in enumerate(odd):
        text = prediction.replies[0].text.replace("[", "(").replace("]", ".)")
        odd[index] = replace(prediction, replies=(replace(prediction.replies[0], text=text),))
    assert all(item.answer.mended for item in read_answers(EXAMPLES, odd, TASKS))
    assert [s.value for s in score(EXAMPLES, odd, TASKS, bootstrap=5)] == [1, 1, 1]
