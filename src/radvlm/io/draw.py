"""Radiographs with boxes painted in: solid for what a model says, dashed for the reference.

The picture is made smaller before anything is drawn, so lines and labels have the same weight on
every image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from radvlm.protocols import Pixels
from radvlm.records import Box

PALETTE = (
    "#56B4E9",
    "#E69F00",
    "#F0E442",
    "#CC79A7",
    "#009E73",
    "#D55E00",
    "#0072B2",
)
"""Okabe and Ito (2008): told apart with any colour vision; the brightest on black first."""

PREDICTED, REFERENCE = PALETTE[0], PALETTE[1]

Labelled = tuple[str, Box, str]
"""Label (may be empty), box, colour as ``#rrggbb`` or a name Pillow knows."""

Rectangle = tuple[float, float, float, float]
_DASH = 4


def draw_boxes(
    pixels: Pixels,
    boxes: Sequence[Labelled],
    max_side: int = 768,
    *,
    references: Sequence[Labelled] = (),
    min_side: int = 0,
) -> Image.Image:
    """The radiograph in RGB with boxes: ``boxes`` solid, ``references`` dashed and below them.

    Args:
        pixels: uint8 [height, width].
        boxes: what a model says.
        max_side: the longer side of the result in pixels, at most.
        references: what is true.
        min_side: a smaller image is enlarged until its longer side has so many pixels, so that
            labels leave room for the image.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    if (grow := min_side / max(image.size)) > 1:
        size = round(image.width * grow), round(image.height * grow)
        image = image.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    width = max(1, round(max(image.size) / 256))
    font = ImageFont.load_default(size=max(10, round(max(image.size) / 48)))
    places = [(label, _place(box, image.size), colour) for label, box, colour in references]
    for _, place, colour in places:
        _dashed(draw, place, colour, width)
    solid = [(label, _place(box, image.size), colour) for label, box, colour in boxes]
    for _, place, colour in solid:
        x1, y1, x2, y2 = place
        draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline="black", width=width + 2)
        draw.rectangle(place, outline=colour, width=width)
    taken: list[Rectangle] = []
    for label, place, colour in [*solid, *places]:
        if label:
            taken.append(_label(draw, font, label, place, colour, taken))
    return image


def _place(box: Box, size: tuple[int, int]) -> Rectangle:
    right, bottom = size[0] - 1, size[1] - 1
    return box.x1 * right, box.y1 * bottom, box.x2 * right, box.y2 * bottom


def _dashed(draw: ImageDraw.ImageDraw, place: Rectangle, colour: str, width: int) -> None:
    x1, y1, x2, y2 = place
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
    for start, end in pairwise(corners):
        for dash in _dashes(start, end, _DASH * width):
            draw.line(dash, fill="black", width=width + 2)
            draw.line(dash, fill=colour, width=width)


def _dashes(
    start: tuple[float, float], end: tuple[float, float], length: int
) -> Iterator[list[tuple[float, float]]]:
    """Pieces of a line, as long as the gaps between them; each end has one."""
    whole = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    count = max(1, 2 * int(whole / length / 2) + 1)
    marks = np.linspace(start, end, count + 1)
    for number in range(0, count, 2):
        yield [(float(x), float(y)) for x, y in marks[number : number + 2]]


def _label(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    label: str,
    place: Rectangle,
    colour: str,
    taken: Sequence[Rectangle],
) -> Rectangle:
    """Write a label on a background of the box's colour and return where it stands.

    It stands above the box, else below, else inside, wherever it lies within the picture and
    covers no other label.
    """
    left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
    wide, high = right - left + 6, bottom - top + 6
    image_width, image_height = draw.im.size
    x = min(max(0.0, place[0]), max(0.0, image_width - wide))
    choices = [
        (x, y, x + wide, y + high)
        for y in (place[1] - high, place[3], place[1], place[3] - high)
        if 0 <= y <= image_height - high
    ] or [(x, 0.0, x + wide, float(high))]
    free = [c for c in choices if not any(_overlap(c, other) for other in taken)]
    chosen = (free or choices)[0]
    draw.rectangle(chosen, fill=colour)
    draw.text((chosen[0] + 3 - left, chosen[1] + 3 - top), label, fill=_ink(colour), font=font)
    return chosen


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _ink(colour: str) -> str:
    """Black or white, whichever reads better on the colour."""
    red, green, blue, *_ = ImageColor.getrgb(colour)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else "white"
