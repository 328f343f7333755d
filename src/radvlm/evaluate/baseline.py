"""The majority or mean-box answer: what training data alone says to a question.

For each question text of a task (the whole task, where training never asked it): if boxes are
wanted, the mean of the first target box over the training examples about the most usual name, or
the negative reply where most have no box; otherwise the most usual reply among those with the
majority status of every label. A model that does not beat this has not looked at the image.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from radvlm.boxes import mean_box
from radvlm.errors import InputError
from radvlm.evaluate.answers import size_of
from radvlm.protocols import BoxCodec
from radvlm.records import Answer, Box, Example, Part, Prediction, Reply

MODEL = "majority"

_MOST_COMPARED = 300
"""Replies compared for the most typical one; the cost grows with the square."""

Parts = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Taught:
    """A reply of the training data and its target (an empty one, where it has none)."""

    parts: Parts
    target: Answer


def majority_predictions(
    train: Sequence[Example], test: Sequence[Example], codec: BoxCodec
) -> list[Prediction]:
    """One prediction a test example, a reply for each user turn, written with ``codec``.

    Raises:
        InputError: a task of ``test`` has no training example.
    """
    taught: dict[tuple[str, str | None], list[_Taught]] = defaultdict(list)
    for example in train:
        for question, one in _exchanges(example):
            taught[example.task, question].append(one)
            taught[example.task, None].append(one)
    revision = hashlib.sha256("".join(sorted(e.id for e in train)).encode()).hexdigest()[:12]
    known: dict[tuple[str, str | None], Parts] = {}
    predictions = []
    for example in test:
        replies = []
        for question in _questions(example):
            key = (example.task, question if (example.task, question) in taught else None)
            if key not in known:
                known[key] = _majority(taught[key], example.task)
            replies.append(_reply(known[key], codec, example))
        made_by = MODEL, revision, codec.name
        predictions.append(Prediction(example.id, 0, *made_by, tuple(replies)))
    return predictions


def _majority(taught: Sequence[_Taught], task: str) -> Parts:
    if not taught:
        raise InputError("no training example", f"task {task}", "Build it for the training split")
    boxed = [one for one in taught if one.target.boxes]
    if 2 * len(boxed) >= len(taught):
        return _mean_box_reply(boxed)
    without = [one for one in taught if not one.target.boxes]
    wanted = _majority_present(without)
    same = [one for one in without if _present(one.target) == wanted]
    return _most_usual([one.parts for one in same or without])


def _mean_box_reply(boxed: Sequence[_Taught]) -> Parts:
    """The most usual wording about the most usual name, its box the mean of the first boxes."""
    name = Counter(one.target.boxes[0][0] for one in boxed).most_common(1)[0][0]
    about = [one for one in boxed if one.target.boxes[0][0] == name]
    box = mean_box([one.target.boxes[0][1] for one in about])
    fewest = min(len(one.target.boxes) for one in about)
    wordings = [_with_box(one.parts, box) for one in about if len(one.target.boxes) == fewest]
    return _most_usual(wordings)


def _with_box(parts: Parts, box: Box) -> Parts:
    """The reply with ``box`` for its first boxes; it ends there if further boxes follow."""
    places = [index for index, part in enumerate(parts) if isinstance(part, tuple)]
    rest = parts[places[0] + 1 :] if len(places) == 1 else ()
    return (*parts[: places[0]], (box,), *rest)


def _majority_present(taught: Sequence[_Taught]) -> set[str]:
    """The labels whose most usual status is ``present``."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for one in taught:
        for name, status in one.target.labels.items():
            said[name][status] += 1
    return {name for name, counts in said.items() if counts.most_common(1)[0][0] == "present"}


def _present(target: Answer) -> set[str]:
    return {name for name, status in target.labels.items() if status == "present"}


def _most_usual(replies: Sequence[Parts]) -> Parts:
    """The most frequent reply, or where all differ the one most like the others."""
    reply, count = Counter(replies).most_common(1)[0]
    if count > 1:
        return reply
    some = replies[:: -(-len(replies) // _MOST_COMPARED)]
    words = [{word for part in r if isinstance(part, str) for word in part.split()} for r in some]
    likeness = [sum(len(a & b) / max(1, len(a | b)) for b in words) for a in words]
    return some[likeness.index(max(likeness))]


def _exchanges(example: Example) -> Iterator[tuple[str, _Taught]]:
    """(question text, reply) of each assistant turn."""
    question = ""
    for turn in example.turns:
        if turn.role == "user":
            question = _text(turn.parts)
        elif turn.role == "assistant":
            yield question, _Taught(turn.parts, turn.target or Answer())


def _questions(example: Example) -> list[str]:
    return [_text(turn.parts) for turn in example.turns if turn.role == "user"]


def _text(parts: Parts) -> str:
    """The words of a turn; boxes in a question differ from image to image and are left out."""
    return "".join(part for part in parts if isinstance(part, str))


def _reply(parts: Parts, codec: BoxCodec, example: Example) -> Reply:
    size = size_of(example.views[0])
    text = "".join(p if isinstance(p, str) else codec.render(p, size) for p in parts)
    return Reply(text, len(text.split()), "stop", 0.0)
