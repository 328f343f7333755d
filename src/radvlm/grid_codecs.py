"""What conventions of boxes have in common: a grid over a frame of the image, and a spelling.

What is written is the nearest place on the grid, so a box comes back within half a step of it, and
exactly where it lies on the grid; one smaller than a step becomes a step wide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from radvlm.frames import Frame, Size, whole
from radvlm.records import Box, Part

Cells = tuple[int, int, int, int]
"""x1, y1, x2, y2 in steps of the grid."""

_JOINT = re.compile(r"\s*(?:[,;]\s*)?(?:and\s+)?")


@dataclass(frozen=True, slots=True)
class Found:
    """A box as written: where, its four numbers, a name beside it, and whether it is spelt so."""

    start: int
    end: int
    numbers: tuple[float, ...]
    label: str = ""
    mended: bool = False


class GridCodec:
    """A convention: the frame its grid lies over, the number of steps, and a spelling."""

    name: str

    def frame(self, size: Size) -> Frame:
        """What the grid lies over."""
        return whole(size)

    def steps(self, size: Size) -> Size:
        """Steps of the grid across and down."""
        raise NotImplementedError

    def spell(self, cells: Sequence[Cells]) -> str:
        """The text for some boxes, at least one."""
        raise NotImplementedError

    def find(self, text: str) -> Iterator[Found]:
        """Every box spelt in a text, in order."""
        raise NotImplementedError

    def render(self, boxes: Sequence[Box], size: Size) -> str:
        """Boxes as text; one that lies wholly outside the frame is left out."""
        frame, steps = self.frame(size), self.steps(size)
        shown = [frame.inside(box, size) for box in boxes]
        cells = [
            (*self._cells(c[0::2], steps[0]), *self._cells(c[1::2], steps[1])) for c in shown if c
        ]
        return self.spell([(x1, y1, x2, y2) for x1, x2, y1, y2 in cells]) if cells else ""

    def parse(self, text: str, size: Size) -> tuple[tuple[Part, ...], bool]:
        """Text and boxes in order; neighbours with one name, or none, become one part.

        Mended and said so: other spellings of the same numbers and swapped corners. What was to be
        a box and is none (beyond the grid, or not on the image) stays text, and counts as mended.
        """
        parts: list[str | list[Box]] = []
        mended, end, label = False, 0, ""
        for found in self.find(text):
            box, repaired = self._box(found, size)
            mended |= repaired
            if box is None:
                continue
            between = self.tidy(text[end : found.start], bool(parts), True)
            previous = parts[-1] if parts else None
            if isinstance(previous, list) and _JOINT.fullmatch(between) and label == found.label:
                previous.append(box)
            else:
                named = between + (f"{found.label} " if found.label else "")
                parts += [named, [box]] if named else [[box]]
            end, label = found.end, found.label
        if rest := self.tidy(text[end:], bool(parts), False):
            parts.append(rest)
        return tuple(p if isinstance(p, str) else tuple(p) for p in parts), mended

    def spans(self, text: str, size: Size) -> list[tuple[int, int]]:
        """Where each box of ``parse`` is written."""
        found = ((one, self._box(one, size)[0]) for one in self.find(text))
        return [(one.start, one.end) for one, box in found if box is not None]

    def tidy(self, text: str, after: bool, before: bool) -> str:
        """The text after, before or between boxes without what only wraps them."""
        return text

    def value(self, cell: float, steps: int) -> float:
        """Where a number stands, as a fraction of the frame."""
        return cell / steps

    def _cells(self, ends: Sequence[float], steps: int) -> tuple[int, int]:
        """The nearest steps to two ends, at least one apart."""
        low, high = (math.floor(end * steps + 0.5) for end in ends)
        if low == high:
            low, high = (low, low + 1) if low < steps else (low - 1, low)
        return low, high

    def _box(self, found: Found, size: Size) -> tuple[Box | None, bool]:
        across, down = self.steps(size)
        (x1, x2), (y1, y2) = sorted(found.numbers[0::2]), sorted(found.numbers[1::2])
        fractions = max(x2, y2) <= 1 and any(n % 1 for n in found.numbers)
        if x2 > across or y2 > down or fractions:
            return None, True
        corners = (
            *self._ends(x1, x2, across),
            *self._ends(y1, y2, down),
        )
        box = self.frame(size).outside((corners[0], corners[2], corners[1], corners[3]), size)
        return box, found.mended or (x1, y1, x2, y2) != found.numbers or box is None

    def _ends(self, low: float, high: float, steps: int) -> tuple[float, float]:
        return self.value(low, steps), self.value(high, steps)
