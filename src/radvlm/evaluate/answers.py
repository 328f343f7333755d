"""Predictions → answers: what was said in each turn that has a target, read by its task.

What was not answered (no prediction, an error, an unreadable reply) is an unreadable ``Answer``,
so that it is scored as a failure and never left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from radvlm.codecs import get_codec
from radvlm.confidences import with_confidences
from radvlm.io.image import image_size
from radvlm.protocols import Task
from radvlm.records import Answer, Example, Part, Prediction, Reply, View

ImageMap = Mapping[str, tuple[View, ...]]
"""Example id → the views shown instead of the example's own."""

FAILED = Answer(readable=False)
"""What stands for an answer that was never given."""


@dataclass(frozen=True, slots=True)
class Item:
    """One answer to be scored: which user turn (from 0) of which example, said and wanted."""

    example: Example
    turn: int
    question: tuple[Part, ...]
    answer: Answer
    target: Answer


def read_answers(
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    tasks: Mapping[str, Task],
    images: ImageMap | None = None,
) -> list[Item]:
    """Every turn with a target, in the order of ``examples``, with what was answered to it.

    Only sample 0 of a prediction is read. ``images`` gives the views that were shown, where they
    were not the example's own: boxes are read against the size of what the model saw.
    """
    found = {p.example: p for p in predictions if p.sample == 0}
    items = []
    for example in examples:
        prediction = found.get(example.id)
        view = (images or {}).get(example.id, example.views)[0]
        for index, question, target in _asked(example):
            answer = FAILED
            if prediction is not None and index < len(prediction.replies):
                reply = prediction.replies[index]
                answer = _read(reply, question, tasks[example.task], prediction.codec, view)
                answer = replace(answer, probabilities=prediction.probabilities or {})
            items.append(Item(example, index, question, answer, target))
    return items


def size_of(view: View) -> tuple[int, int]:
    """(width, height) in pixels, from the record or else from the file's header.

    Raises:
        ImageError: neither says.
    """
    if view.width is not None and view.height is not None:
        return view.width, view.height
    return image_size(Path(view.path))


def _asked(example: Example) -> Iterator[tuple[int, tuple[Part, ...], Answer]]:
    """(index of the user turn, its parts, target) of each assistant turn with a target."""
    asked = -1
    question: tuple[Part, ...] = ()
    for turn in example.turns:
        if turn.role == "user":
            asked += 1
            question = turn.parts
        elif turn.role == "assistant" and turn.target is not None:
            yield asked, question, turn.target


def _read(reply: Reply, question: tuple[Part, ...], task: Task, codec: str, view: View) -> Answer:
    if reply.finish == "error":
        return FAILED
    convention, size = get_codec(codec), size_of(view)
    parts, mended = convention.parse(reply.text, size)
    answer = with_confidences(task.read(parts, question), reply, convention, size)
    return replace(answer, mended=answer.mended or mended)
