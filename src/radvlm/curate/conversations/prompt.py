"""Conversations by a language model: what it is asked, and its reply as a dialogue.

What is known of the study reaches the model as one JSON message, so that no text in it stands among
the instructions (``prompts/*.txt``). The model points by the number of a given box and is shown no
coordinates, so it cannot invent one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from radvlm.curate.conversations.statements import explains, spelled_out
from radvlm.curate.conversations.truth import Given, truth_of
from radvlm.curate.conversations.validate import Category, Problem
from radvlm.llm.calls import Message, Request, data_message
from radvlm.records import Answer, Dialogue, Part, Study, Turn, View
from radvlm.tasks.asking import named
from radvlm.tasks.facts import read_turn
from radvlm.tasks.wording import plain

_BOX = re.compile(r"<box (\d{1,4})>")

_RULES: dict[Category, str] = {
    "roles": "every round needs one question and one answer",
    "rounds": "there must be 5 to 10 rounds",
    "empty": "no question and no answer may be empty",
    "priors": "never speak of another examination, of change, or of something new or unchanged",
    "leak": "never speak of a report, of labels, of coordinates or of data that were given",
    "tone": "be no surer than the data, name no diagnosis of the person, advise no treatment",
    "box": "point by <box N> with a number of the list, in answers alone, beside what lies in it",
    "contradiction": "affirm only what the data hold, on the side they name; deny nothing they say",
}


class Round(BaseModel):
    """A question and its answer."""

    model_config = ConfigDict(extra="forbid")

    question: str
    answer: str


class Rounds(BaseModel):
    """The reply of the model; how many rounds there are is for ``validate`` to judge."""

    model_config = ConfigDict(extra="forbid")

    rounds: list[Round]


def request(study: Study, view: View, *, grounded: bool) -> Request:
    """What the model is asked for one view.

    Raises:
        RecordError: the view belongs to another study.
    """
    instruction: Message = {"role": "system", "content": instructions(grounded)}
    return Request((instruction, data_message(data_of(study, view, grounded))), Rounds)


def data_of(study: Study, view: View, grounded: bool) -> dict[str, Any]:
    """What the model is told of the study: JSON data without ids and without coordinates."""
    truth = truth_of(study, view)
    data: dict[str, Any] = {
        "report": truth.report,
        "labels": dict(truth.labels),
        "projection": truth.projection,
        "sex": {"F": "female", "M": "male"}.get(truth.sex or "", "unknown"),
    }
    if grounded:
        data["boxes"] = [_described(n, given) for n, given in enumerate(truth.boxes, 1)]
    return data


def dialogue_of(reply: Rounds, study: Study, view: View, origin: str) -> Dialogue:
    """The reply as a dialogue; each answer's target is what it says, and the boxes it points at.

    A number that is not in the list of boxes stays text, where ``problems`` finds it.

    Args:
        reply: what the model wrote.
        study: the one the request was made of.
        view: likewise.
        origin: the model's name.

    Raises:
        RecordError: the view belongs to another study.
    """
    given = truth_of(study, view).boxes
    turns: list[Turn] = []
    for one in reply.rounds:
        question = one.question.strip()
        parts, shown = _parts(one.answer.strip(), given)
        turns.append(Turn("user", (question,) if question else ()))
        turns.append(Turn("assistant", parts, _target(parts, question, shown)))
    return Dialogue(tuple(turns), origin, view.id)


def repair_request(asked: Request, reply: Rounds, wrong: Sequence[Problem]) -> Request:
    """The same request, with what was written and which rules it breaks in which rounds."""
    lines = []
    for category, rule in _RULES.items():
        where = sorted({problem.round for problem in wrong if problem.category == category})
        if where:
            places = "the whole" if where == [0] else f"round {', '.join(map(str, where))}"
            lines.append(f"- {category} ({places}): {rule}")
    said = "This cannot be used:\n" + "\n".join(lines) + "\nWrite the whole JSON object anew."
    again: tuple[Message, ...] = (
        {"role": "assistant", "content": reply.model_dump_json()},
        {"role": "user", "content": said},
    )
    return Request((*asked.messages, *again), Rounds, asked.max_tokens)


@cache
def instructions(grounded: bool) -> str:
    """The system turn: the rules, and in a grounded conversation those of pointing."""
    folder = files("radvlm.curate.conversations") / "prompts"
    names = ("conversation.txt", "grounded.txt") if grounded else ("conversation.txt",)
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def _described(number: int, given: Given) -> dict[str, Any]:
    said = {"phrase": given.phrase} if given.phrase else {}
    return {"number": number, "of": given.name, **said}


def _parts(answer: str, given: Sequence[Given]) -> tuple[tuple[Part, ...], list[Given]]:
    """Text and boxes in order, and the boxes pointed at."""
    parts: list[Part] = []
    shown: list[Given] = []
    end = 0
    for match in _BOX.finditer(answer):
        number = int(match[1])
        if 1 <= number <= len(given):
            one = given[number - 1]
            parts += [answer[end : match.start()], (one.box,)]
            shown.append(one)
            end = match.end()
    return tuple(part for part in (*parts, answer[end:]) if part), shown


def _target(parts: Sequence[Part], question: str, shown: Sequence[Given]) -> Answer:
    """What the answer is scored by: as the task reads it, the boxes by what lies in them."""
    spelled = [spelled_out(part) if isinstance(part, str) else part for part in parts]
    labels = {} if explains(question) else read_turn(spelled, (question,)).labels
    boxes = tuple(box for one in shown for box in named(one.name, (one.box,)))
    return Answer(plain(parts), labels, boxes)
