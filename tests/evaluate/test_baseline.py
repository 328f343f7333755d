from __future__ import annotations

import dataclasses

import pytest

from fake_evaluation import fake_examples
from radvlm.boxes import iou
from radvlm.codecs import Radvlm01
from radvlm.errors import InputError
from radvlm.evaluate.baseline import majority_predictions
from radvlm.records import Answer, Box, Example, Part, Status, Turn

CODEC = Radvlm01()
SHAPE = fake_examples(1)[0]


def one(i: int, question: str, parts: tuple[Part, ...], target: Answer | None) -> Example:
    turns = (Turn("user", (question,)), Turn("assistant", parts, target))
    return dataclasses.replace(SHAPE, id=str(i), task="t", turns=turns)


def boxed(i: int, name: str, *boxes: Box, question: str = "where") -> Example:
    parts: tuple[Part, ...] = ("at ", boxes, ".") if boxes else ("nowhere",)
    return one(i, question, parts, Answer(boxes=tuple((name, b, None) for b in boxes)))


def said(train: list[Example], question: str = "where") -> str:
    test = one(99, question, ("irrelevant",), Answer(labels={"irrelevant": "present"}))
    (prediction,) = majority_predictions(train, [test], CODEC)
    assert (prediction.example, prediction.model, prediction.codec) == (
        "99",
        "majority",
        CODEC.name,
    )
    return prediction.replies[0].text


def test_the_mean_box_of_those_that_have_one_is_exact() -> None:
    train = [
        boxed(0, "heart", Box(0.1, 0.2, 0.5, 0.6)),
        boxed(1, "heart", Box(0.3, 0.2, 0.7, 0.8)),
        boxed(2, "heart"),
    ]
    assert said(train) == "at [0.20, 0.20, 0.60, 0.70]."
    parts, _ = CODEC.parse(said(train), (1, 1))
    box = parts[1]
    assert isinstance(box, tuple) and iou(box[0], Box(0.2, 0.2, 0.6, 0.7)) == pytest.approx(1)


def test_most_without_a_box_makes_the_reply_negative() -> None:
    train = [boxed(0, "nodule", Box(0.1, 0.2, 0.5, 0.6)), boxed(1, "nodule"), boxed(2, "nodule")]
    assert said(train) == "nowhere"


def test_questions_have_their_own_majority_and_unknown_ones_the_tasks() -> None:
    low, high = Box(0.0, 0.0, 0.2, 0.2), Box(0.8, 0.8, 1.0, 1.0)
    train = [
        boxed(0, "apex", low, question="where is the apex"),
        boxed(1, "base", high, question="where is the base"),
        boxed(2, "base", high, question="where is the base"),
    ]
    assert said(train, "where is the apex") == "at [0.00, 0.00, 0.20, 0.20]."
    assert said(train, "where is the base") == "at [0.80, 0.80, 1.00, 1.00]."
    assert said(train, "where is the hilum") == "at [0.80, 0.80, 1.00, 1.00]."


def test_further_boxes_of_a_wording_are_left_out() -> None:
    b = Box(0.1, 0.1, 0.3, 0.3)
    target = Answer(boxes=(("edema", b, None), ("nodule", b, None)))
    train = [one(0, "where", ("an edema at ", (b,), " and a nodule at ", (b,)), target)]
    assert said(train) == "an edema at [0.10, 0.10, 0.30, 0.30]"


def test_each_label_takes_its_majority_and_the_reply_says_just_those() -> None:
    def labelled(i: int, text: str, edema: Status, nodule: Status) -> Example:
        return one(i, "what", (text,), Answer(labels={"edema": edema, "nodule": nodule}))

    train = [
        labelled(0, "nodule", "absent", "present"),
        labelled(1, "nodule", "absent", "present"),
        labelled(2, "edema", "present", "absent"),
        labelled(3, "edema and nodule", "present", "present"),
        labelled(4, "edema", "present", "absent"),
    ]
    # Each is present in three of five, though both together only once.
    assert said(train, "what") == "edema and nodule"
    # No reply of the rest says both: the most frequent one stands in.
    assert said([*train[:3], train[0], *train[4:], train[2]], "what") in ("edema", "nodule")


def test_reports_that_all_differ_give_the_most_typical_one() -> None:
    reports = ["heart normal lungs clear", "heart normal lungs hazy", "heart big lungs clear"]
    train = [one(i, "write", (text,), Answer(text)) for i, text in enumerate([*reports, "rib"])]
    assert said(train, "write") == "heart normal lungs clear"
    # One that is written twice is the most usual, however unlike the others.
    assert said([*train, train[-1]], "write") == "rib"


def test_conversations_are_answered_turn_by_turn() -> None:
    examples = fake_examples(12)
    facts = [e for e in examples if e.task == "fake_facts"]
    predictions = majority_predictions(facts, facts[:2], CODEC)
    # Edema in 6 of 12 (the tie falls to what was seen first), fracture in 4 of 12.
    assert [r.text for r in predictions[1].replies] == [
        "no edema",
        "no fracture",
        "you are welcome",
    ]
    assert predictions[0].replies == predictions[1].replies


def test_a_task_without_training_examples_is_an_error() -> None:
    with pytest.raises(InputError, match="task t"):
        said([])
