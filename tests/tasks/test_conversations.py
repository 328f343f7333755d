from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

import pytest
from task_studies import LEFT, RIGHT, ask, labels, replies, sick, study, well

from radvlm.records import Answer, Example, Finding, Part, View
from radvlm.tasks.conversation import Conversation
from radvlm.tasks.grounded_conversation import GroundedConversation


def many(task: Conversation, one: object, n: int = 150) -> list[Example]:
    return [e for seed in range(n) for e in ask(task, one, seed)]  # type: ignore[arg-type]


def rounds(example: Example) -> Iterator[tuple[str, str, Answer | None]]:
    for user, reply in zip(example.turns[::2], example.turns[1::2], strict=True):
        yield _text(user.parts), _text(reply.parts), reply.target


def _text(parts: tuple[Part, ...]) -> str:
    return "".join(part for part in parts if isinstance(part, str))


def facts(examples: list[Example]) -> Counter[tuple[str, str]]:
    found = (target.labels.items() for e in examples for _, _, target in replies(e))
    return Counter(fact for items in found for fact in items)


@pytest.mark.parametrize("task", [Conversation(), GroundedConversation()])
def test_conversations_have_three_to_six_rounds_and_both_ends_are_reached(
    task: Conversation,
) -> None:
    lengths = {len(e.turns) // 2 for e in many(task, sick())}
    assert lengths == {3, 4, 5, 6}


def test_every_fact_is_one_the_study_knows() -> None:
    known = {(f.name, f.status) for f in sick().findings}
    known |= {("projection: PA", "present"), ("side: right", "present")}
    known |= {("severity: small", "present")}
    said = facts(many(Conversation(), sick()))
    assert set(said) <= known
    wanted = {("projection: PA", "present"), ("side: right", "present"), ("Pneumothorax", "absent")}
    wanted |= {("pacemaker", "present"), ("Support Devices", "present")}
    assert wanted | {("severity: small", "present"), ("Cardiomegaly", "present")} <= set(said)


def test_yes_and_no_are_about_even_for_the_sick_and_only_no_for_the_well() -> None:
    starts = [
        reply.split()[0].strip(",")
        for e in many(Conversation(), sick())
        for asked, reply, target in rounds(e)
        if target and "devices" not in asked and asked.startswith(("Is there a", "Do you see a"))
    ]
    share = starts.count("Yes") / len(starts)
    assert 0.35 < share < 0.65
    assert not any(
        status == "present" and name not in ("No Finding", "projection: PA")
        for name, status in facts(many(Conversation(), well()))
    )


def test_a_follow_up_stands_behind_what_it_refers_to() -> None:
    seen = 0
    for example in many(GroundedConversation(), sick()):
        before: Answer | None = None
        for asked, _, target in rounds(example):
            if asked.endswith(("side?", "side is it on?", "side is it?")):
                assert before and before.labels == {"Pleural Effusion": "present"}
                seen += 1
            if " it " in asked.replace("?", " ").replace(",", " ") and target and target.boxes:
                assert before and before.labels == {target.boxes[0][0]: "present"}
                seen += 1
            before = target if target and "present" in target.labels.values() else before
    assert seen > 50


def test_no_finding_is_asked_about_twice() -> None:
    for example in many(GroundedConversation(), sick()):
        asked = [
            next(iter(target.labels))
            for question, _, target in rounds(example)
            if target and target.labels and question.startswith(("Is th", "Do you see a", "Does"))
        ]
        asked = [name for name in asked if not name.startswith("projection")]
        assert len(asked) == len(set(asked)), asked


@pytest.mark.parametrize(
    ("phrases", "side"),
    [
        (("Left effusion.",), {"side: left"}),
        (("Left effusion.", "Right effusion."), {"side: both"}),
        (("Bilateral effusions.",), {"side: both"}),
        (("Left effusion.", "Effusion."), set()),
        (("Effusion.",), set()),
    ],
)
def test_a_side_is_said_only_where_the_phrases_agree(
    phrases: tuple[str, ...], side: set[str]
) -> None:
    found = tuple(Finding("Pleural Effusion", "present", "r", "v1", (), p) for p in phrases)
    said = facts(many(Conversation(), study(findings=(*labels("Pleural Effusion"), *found))))
    assert {name for name, _ in said if name.startswith("side")} == side


def test_a_grounded_conversation_points_and_a_plain_one_never_does() -> None:
    for example in many(GroundedConversation(), sick()):
        assert any(target.boxes for _, _, target in replies(example))
    for example in many(Conversation(), sick()):
        assert all(isinstance(p, str) for turn in example.turns for p in turn.parts)
    assert not many(GroundedConversation(), study(findings=labels("Edema")))


def test_what_is_pointed_at_is_where_the_study_says() -> None:
    known = {(r.name, r.box) for r in sick().regions}
    known |= {(f.name, box) for f in sick().findings for box in f.boxes}
    boxes = [
        b for e in many(GroundedConversation(), sick()) for _, _, t in replies(e) for b in t.boxes
    ]
    assert {(name, box) for name, box, _ in boxes} <= known
    assert {name for name, _, _ in boxes} > {"Pleural Effusion", "Cardiomegaly"}


def test_summing_up_comes_last_and_definitions_are_not_scored() -> None:
    meant = 0
    for example in many(Conversation(), sick()):
        asked = [question for question, _, _ in rounds(example)]
        closing = [i for i, q in enumerate(asked) if "sum" in q or "conclusion" in q]
        assert closing in ([], [len(asked) - 1])
        for question, _, target in rounds(example):
            if "mean" in question or "explain" in question:
                assert target is None
                meant += 1
    assert meant > 10


def test_too_little_known_makes_no_conversation() -> None:
    unknown = dataclasses.replace(well(), views=(View("v1", "x.png", "FRONTAL"),))
    one = Finding("Tuberculosis", "absent", "r")
    assert not many(Conversation(), dataclasses.replace(unknown, findings=(one,)))
    assert ("projection: PA", "present") not in facts(many(Conversation(), unknown))


@pytest.mark.parametrize(
    ("question", "reply", "labels_"),
    [
        ("Is this a PA or an AP view?", "AP", {"projection: AP": "present"}),
        ("Which projection is it?", "An antero-posterior one.", {"projection: AP": "present"}),
        ("On which side?", "Right.", {"side: right": "present"}),
        ("On which side?", "On the right and on the left.", {"side: both": "present"}),
        ("How severe is it?", "Moderate to severe.", {"severity: moderate": "present"}),
        ("Is the heart enlarged?", "No.", {"Cardiomegaly": "absent"}),
        ("Is the heart enlarged?", "The heart size is normal.", {"Cardiomegaly": "absent"}),
        ("Is there a pleural effusion?", "It may be present.", {}),
        ("Are there any devices?", "No.", {"Support Devices": "absent"}),
        (
            "Are there any devices?",
            "A pacemaker.",
            {"Support Devices": "present", "pacemaker": "present"},
        ),
        ("What do you see?", "All is well: a normal image.", {"No Finding": "present"}),
        (
            "What do you see?",
            "Edema, no effusion.",
            {"Edema": "present", "Pleural Effusion": "absent"},
        ),
        ("What do you see?", "Hm.", {}),
    ],
)
def test_replies_in_other_words(question: str, reply: str, labels_: dict[str, str]) -> None:
    answer = Conversation().read((reply,), (question,))
    assert answer.readable and dict(answer.labels) == labels_


def test_boxes_are_named_by_the_question_else_by_the_reply() -> None:
    read = GroundedConversation().read
    assert read(((LEFT,),), ("Where is the left lung?",)).boxes == (("left lung", LEFT, None),)
    reply = ("The effusion is at ", (RIGHT,))
    assert read(reply, ("Where is it?",)).boxes == (("Pleural Effusion", RIGHT, None),)
    assert read(((RIGHT,),), ("Where is it?",)).boxes == (("", RIGHT, None),)
