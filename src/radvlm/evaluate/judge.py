"""Conversations judged by language models (RadVLM paper, §4.1.4): one integer 0–10 a conversation.

In: examples, what was answered, and the endpoints of one or several judges. Out: a ``Judgement`` a
conversation and judge. A judge sees questions, expected and generated answers and what the targets
hold, as JSON data. What cannot be judged is a failure, scored 0 and counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, Field

from radvlm.codecs import CODECS, get_codec
from radvlm.evaluate.answers import size_of
from radvlm.llm.calls import Failure, Request, data_message
from radvlm.llm.client import Client
from radvlm.records import Example, Part, Prediction, Turn

BEST = 10
_CODEC = CODECS["radvlm_01"]


class Verdict(BaseModel):
    """What a judge answers."""

    reasons: list[str] = Field(max_length=64)
    score: int = Field(ge=0, le=BEST)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The score 0–10 of one example; none, and why, where it could not be judged."""

    example: str
    score: int | None
    failure: Failure | str | None


def key_of(model: str) -> str:
    """The name of the figure: the judge, and which wording it was asked with."""
    digest = sha256(prompt().encode()).hexdigest()[:8]
    return f"judge/{model},0-10,temperature=0,prompt={digest}"


@cache
def prompt() -> str:
    """What every judge is told."""
    return (files("radvlm.evaluate") / "prompts" / "judge.txt").read_text(encoding="utf-8")


def judge(
    client: Client, examples: Sequence[Example], predictions: Sequence[Prediction]
) -> Iterator[Judgement]:
    """Each conversation judged, as the answers come; those without an answer first."""
    answered = {p.example: p for p in predictions if p.sample == 0}
    asked: list[Example] = []
    for example in examples:
        if example.id in answered and answered[example.id].error is None:
            asked.append(example)
        else:
            yield Judgement(example.id, None, "no answer")
    requests = (request(example, answered[example.id]) for example in asked)
    for number, result in client.run(requests):
        verdict = result.parsed
        score = verdict.score if isinstance(verdict, Verdict) else None
        yield Judgement(asked[number].id, score, result.failure)


def request(example: Example, prediction: Prediction) -> Request:
    """What a judge is asked about one conversation."""
    data = {"information": information(example), "rounds": _rounds(example, prediction)}
    return Request(({"role": "system", "content": prompt()}, data_message(data)), Verdict)


def information(example: Example) -> dict[str, Any]:
    """What the targets of all turns say of the image, and its projection."""
    labels: dict[str, str] = {}
    boxes: dict[str, list[str]] = defaultdict(list)
    for target in (turn.target for turn in example.turns if turn.target):
        labels |= target.labels
        for name, box, _ in target.boxes:
            boxes[name].append(_CODEC.render([box], (1, 1)))
    found = {name: sorted(set(some)) for name, some in sorted(boxes.items())}
    return {"projection": example.views[0].projection, "facts": labels, "boxes": found}


def _rounds(example: Example, prediction: Prediction) -> list[dict[str, str]]:
    """Question, expected and generated answer of each round; what was not answered is empty."""
    size = size_of(example.views[0])
    codec = get_codec(prediction.codec)
    # Coordinates are judged in one convention, whatever the model's own is.
    replies = [_words(codec.parse(reply.text, size)[0], size) for reply in prediction.replies]
    pairs = list(_exchanges(example.turns))
    generated = [*replies, *[""] * (len(pairs) - len(replies))]
    return [
        {"question": _words(q.parts, size), "expected": _words(a.parts, size), "generated": text}
        for (q, a), text in zip(pairs, generated, strict=False)
    ]


def _exchanges(turns: Sequence[Turn]) -> Iterator[tuple[Turn, Turn]]:
    question: Turn | None = None
    for turn in turns:
        if turn.role == "user":
            question = turn
        elif turn.role == "assistant" and question is not None:
            yield question, turn


def _words(parts: Sequence[Part], size: tuple[int, int]) -> str:
    said = (part if isinstance(part, str) else _CODEC.render(part, size) for part in parts)
    return "".join(said)
