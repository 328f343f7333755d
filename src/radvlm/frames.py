"""What part of an image a model's coordinates count over: the whole, its centre, a padded square.

In: an image's (width, height) in pixels. Out: a ``Frame`` in those pixels, which may reach beyond
the image, and the way from fractions of the image to fractions of the frame and back. Whoever
prepares the pixels and whoever reads the coordinates use the same frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from radvlm.errors import RecordError
from radvlm.records import Box

Size = tuple[int, int]
Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle in pixels of an image, beginning at (left, top)."""

    left: float
    top: float
    width: float
    height: float

    def inside(self, box: Box, size: Size) -> Corners | None:
        """The part of an image's box within the frame, as fractions of it; none if nothing is."""
        x1, x2 = ((x * size[0] - self.left) / self.width for x in (box.x1, box.x2))
        y1, y2 = ((y * size[1] - self.top) / self.height for y in (box.y1, box.y2))
        if not (x1 < 1 and y1 < 1 and x2 > 0 and y2 > 0):
            return None
        return max(x1, 0.0), max(y1, 0.0), min(x2, 1.0), min(y2, 1.0)

    def outside(self, corners: Corners, size: Size) -> Box | None:
        """Fractions of the frame as a box of the image, clipped to it; none if nothing is left."""
        x1, x2 = ((x * self.width + self.left) / size[0] for x in corners[0::2])
        y1, y2 = ((y * self.height + self.top) / size[1] for y in corners[1::2])
        try:
            return Box(max(x1, 0.0), max(y1, 0.0), min(x2, 1.0), min(y2, 1.0))
        except RecordError:
            return None


def whole(size: Size) -> Frame:
    """The image itself."""
    return Frame(0, 0, *size)


def centre_square(size: Size) -> Frame:
    """The square that a crop around the centre keeps (MAIRA-2: shortest edge and crop of 518)."""
    side = min(size)
    return Frame((size[0] - side) // 2, (size[1] - side) // 2, side, side)


def padded_square(size: Size) -> Frame:
    """The square that black borders on both sides make (MedGemma's radiograph notebooks)."""
    side = max(size)
    return Frame(-((side - size[0]) // 2), -((side - size[1]) // 2), side, side)


def smart_resize(size: Size, factor: int, fewest: int, most: int) -> Size:
    """(width, height) to which Qwen2-VL and its successors resize an image.

    Both are multiples of ``factor`` and hold ``fewest`` to ``most`` pixels together; the aspect
    ratio is kept as far as that allows (transformers' ``smart_resize``, without torch).
    """
    width, height = (round(side / factor) * factor for side in size)
    if width * height > most:
        shrink = math.sqrt(size[0] * size[1] / most)
        width, height = (max(factor, int(side / shrink / factor) * factor) for side in size)
    elif width * height < fewest:
        grow = math.sqrt(fewest / (size[0] * size[1]))
        width, height = (math.ceil(side * grow / factor) * factor for side in size)
    return width, height
