"""What every task promises: pure, deterministic, and its own replies are read back."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from task_studies import ask, boxes, replies, sick, studies, study, well

from radvlm import registry
from radvlm.codecs import get_codec
from radvlm.protocols import Task
from radvlm.records import Answer, Dialogue, Study, Turn

TASKS: list[Task] = [registry.resolve("tasks", name)() for name in registry.names("tasks")]
each = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)

# A report and an open list hold what they say; of what they leave out the target knows more.
LISTS = {"classification", "report"}


def agrees(task: Task, answer: Answer, target: Answer) -> bool:
    if not answer.readable or answer.boxes != target.boxes:
        return False
    if task.name in LISTS:
        return present(answer, target) == present(target, target)
    return dict(answer.labels) == dict(target.labels)


def present(answer: Answer, target: Answer) -> set[str]:
    return {name for name in target.labels if answer.labels.get(name) == "present"}


@each
@settings(max_examples=60)
@given(one=studies, seed=st.integers(0, 99))
def test_a_reference_reply_reads_back_to_its_target(task: Task, one: Study, seed: int) -> None:
    if task.name == "report":
        one = dataclasses.replace(one, findings=())
    for example in ask(task, one, seed):
        for question, reply, target in replies(example):
            assert agrees(task, task.read(reply, question), target), (question, reply, target)


@each
@pytest.mark.parametrize("one", [sick(), well()], ids=["sick", "well"])
def test_so_it_does_through_the_text_a_model_writes(task: Task, one: Study) -> None:
    codec = get_codec("radvlm_01")
    asked = [pair for seed in range(20) for e in ask(task, one, seed) for pair in replies(e)]
    for question, reply, target in asked:
        text = "".join(p if isinstance(p, str) else codec.render(p, (9, 9)) for p in reply)
        parts, mended = codec.parse(text, (9, 9))
        answer = task.read(parts, question)
        assert not mended and answer.text == target.text
        rounded = [(name, len(found)) for name, *found in answer.boxes]
        assert rounded == [(name, len(found)) for name, *found in target.boxes]
        assert present(answer, target) == present(target, target) and answer.readable


@each
@settings(max_examples=20)
@given(one=studies, seed=st.integers(0, 99))
def test_asking_depends_on_the_study_and_the_seed_alone(task: Task, one: Study, seed: int) -> None:
    random.seed(seed)
    before = random.getstate()
    first = ask(task, one, seed)
    assert random.getstate() == before
    assert ask(task, one, seed) == first
    for example in first:
        assert (example.id, example.task, example.source) == ("", task.name, "a+b")
        assert (example.patient, example.split, example.access) == ("p1", "train", "open")
        assert [view.id for view in example.views] == ["v1"]
        assert [turn.role for turn in example.turns[::2]] == ["user"] * (len(example.turns) // 2)
        assert {turn.role for turn in example.turns[1::2]} == {"assistant"}


@each
def test_without_split_or_frontal_view_nothing_is_asked(task: Task) -> None:
    lateral = tuple(dataclasses.replace(v, projection="LATERAL") for v in sick().views)
    assert ask(task, sick()) or task.name == "conversation"
    assert not ask(task, dataclasses.replace(sick(), split=None))
    assert not ask(task, dataclasses.replace(sick(), views=lateral))
    assert not ask(task, study(split="test"))


@each
@given(
    parts=st.lists(st.text(max_size=40) | st.lists(boxes, max_size=2).map(tuple), max_size=4),
    question=st.lists(st.text(max_size=40), max_size=2),
)
def test_any_reply_can_be_read(task: Task, parts: list[object], question: list[str]) -> None:
    answer = task.read(parts, question)  # type: ignore[arg-type]
    assert set(answer.labels.values()) <= {"present", "absent", "uncertain"}
    if not answer.labels and not answer.boxes and not answer.text:
        assert not answer.readable


@each
def test_an_empty_reply_and_gibberish_are_told_apart_from_answers(task: Task) -> None:
    question = ask(task, sick())[0].turns[0].parts
    assert not task.read((), question).readable
    if task.name not in {"report", "conversation", "grounded_conversation"}:
        assert not task.read(("qwerty uiop",), question).readable


def test_every_default_metric_is_registered() -> None:
    for task in TASKS:
        assert set(task.metrics) <= set(registry.names("metrics"))


@pytest.mark.parametrize(("name", "points"), [("conversation", 0), ("grounded_conversation", 1)])
def test_dialogues_of_the_study_are_used_as_they_are(name: str, points: int) -> None:
    user, target = Turn("user", ("Hello?",)), Answer("x", {"Edema": "absent"})
    plain = Dialogue((user, Turn("assistant", ("No edema.",), target)), "model", None)
    place = Dialogue((user, Turn("assistant", ("At ", (sick().regions[0].box,)))), "model", "v1")
    one = dataclasses.replace(sick(), dialogues=(plain, place))
    (example,) = ask(registry.resolve("tasks", name)(), one)
    assert example.turns == (plain, place)[points].turns
