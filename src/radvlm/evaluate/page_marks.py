"""Radiographs and boxes as the page draws them: data URIs, and marks laid over the picture.

Boxes are not painted into the pixels: as an overlay they stay sharp at any zoom, can be dashed,
and the reader can see what lies below. Positions are percentages of the picture.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from radvlm.boxes import iou
from radvlm.evaluate.page_data import Conversation, NamedBox, Picture
from radvlm.protocols import Pixels
from radvlm.records import Box

COLOURS = 8
"""The style sheet has this many; the ninth number has the first colour again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box over a picture. ``style`` names its colour class, ``tag`` is written at its corner."""

    box: Box
    tag: str
    style: str
    corner: str = "above"

    @property
    def place(self) -> str:
        """CSS left, top, width and height in percent."""
        left, top = 100 * self.box.x1, 100 * self.box.y1
        width, height = 100 * self.box.x2 - left, 100 * self.box.y2 - top
        return f"left:{left:.2f}%;top:{top:.2f}%;width:{width:.2f}%;height:{height:.2f}%"

    @property
    def tag_place(self) -> str:
        """Classes that keep the tag inside the picture, whatever corner the box is in."""
        side = "right" if self.box.x1 + self.box.x2 > 1 else "left"
        if self.corner == "above":
            return f"{side} {'over' if self.box.y1 > 0.08 else 'within-top'}"
        return f"{side} {'under' if self.box.y2 < 0.92 else 'within-bottom'}"

    @property
    def words(self) -> str:
        """The corners, for a reader who cannot see the picture."""
        return ", ".join(f"{v:.2f}" for v in (self.box.x1, self.box.y1, self.box.x2, self.box.y2))


@dataclass(frozen=True, slots=True)
class Bubble:
    """One turn: text, and the marks it refers to, in order."""

    role: str
    pieces: tuple[str | tuple[Mark, ...], ...]


def data_uri(pixels: Pixels, max_side: int) -> str:
    """uint8 [height, width] as a JPEG data URI whose longer side is at most ``max_side``."""
    image = Image.fromarray(pixels)
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def picture_marks(picture: Picture) -> list[Mark]:
    """True boxes (dashed) below, predicted boxes (solid) above them.

    A name that both have is written once, at the predicted box.
    """
    predicted = {name for name, _ in picture.predicted}
    true = [(box, "" if name in predicted else name) for name, box in picture.true]
    return [Mark(box, tag, "true", "below") for box, tag in true] + [
        Mark(box, name, "predicted") for name, box in picture.predicted
    ]


def overlap(picture: Picture) -> float | None:
    """IoU where one box was asked for and one was given; otherwise none."""
    if len(picture.predicted) != 1 or len(picture.true) != 1:
        return None
    return iou(picture.predicted[0][1], picture.true[0][1])


def picture_alt(picture: Picture) -> str:
    """What a picture shows, in words."""
    counts = f"{_boxes(picture.predicted)} predicted, {_boxes(picture.true)} true"
    return f"Chest radiograph: {picture.question} ({counts})"


def bubbles(conversation: Conversation) -> tuple[list[Bubble], list[Mark]]:
    """The turns to show and every mark, numbered in the order first named.

    A box named again has its number again. System turns are no part of what was said.
    """
    marks: dict[Box, Mark] = {}
    shown = []
    for turn in conversation.turns:
        if turn.role == "system":
            continue
        pieces = tuple(p if isinstance(p, str) else _numbered(p, marks) for p in turn.parts)
        shown.append(Bubble(turn.role, pieces))
    return shown, list(marks.values())


def _numbered(boxes: Sequence[Box], marks: dict[Box, Mark]) -> tuple[Mark, ...]:
    for box in boxes:
        if box not in marks:
            number = len(marks) + 1
            marks[box] = Mark(box, str(number), f"n{(number - 1) % COLOURS + 1}")
    return tuple(marks[box] for box in boxes)


def _boxes(boxes: Sequence[NamedBox]) -> str:
    return f"{len(boxes)} box" if len(boxes) == 1 else f"{len(boxes)} boxes"
