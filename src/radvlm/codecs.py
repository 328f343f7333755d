"""How models write coordinates. A codec belongs to a checkpoint, not to an architecture.

``radvlm_01`` is the convention of the RadVLM paper (§3.1.3): ``[x1, y1, x2, y2]`` as fractions of
the original image, here always with two decimals, several boxes joined by commas and ``and``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from radvlm.coordinates import spelled_boxes
from radvlm.errors import CheckpointError
from radvlm.native_codecs import NATIVE
from radvlm.protocols import BoxCodec
from radvlm.records import Box, Part

_JOINT = re.compile(r"\s*(?:,|;|and|,\s*and)\s*")
_SMALLEST = 0.01


class Radvlm01:
    """``[0.12, 0.30, 0.55, 0.80]``: fractions of the original image, two decimals."""

    name = "radvlm_01"

    def render(self, boxes: Sequence[Box], size: tuple[int, int]) -> str:
        """Boxes as text; the image's ``size`` plays no part in this convention."""
        written = [f"[{', '.join(f'{v:.2f}' for v in _rounded(box))}]" for box in boxes]
        return " and ".join(filter(None, [", ".join(written[:-1]), *written[-1:]]))

    def parse(self, text: str, size: tuple[int, int]) -> tuple[tuple[Part, ...], bool]:
        """Text and boxes in order. Boxes joined by a comma or ``and`` become one part.

        Mended and said so: every other spelling that ``coordinates`` reads, swapped corners, values
        a little beyond the image, a stray full stop. What was to be a box and is none (no area,
        not a number, pixels) stays text, and counts as mended too.
        """
        parts: list[str | list[Box]] = []
        mended = False
        end = 0
        for spelled in spelled_boxes(text):
            mended |= spelled.mended
            if spelled.box is None:
                continue
            between = text[end : spelled.start]
            previous = parts[-1] if parts else None
            if isinstance(previous, list) and _JOINT.fullmatch(between):
                previous.append(spelled.box)
            else:
                parts += [between, [spelled.box]] if between else [[spelled.box]]
            end = spelled.end
        if rest := text[end:]:
            parts.append(rest)
        return tuple(p if isinstance(p, str) else tuple(p) for p in parts), mended

    def spans(self, text: str, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Where each box of ``parse`` is written."""
        return [(one.start, one.end) for one in spelled_boxes(text) if one.box is not None]


CODECS: dict[str, BoxCodec] = {codec.name: codec for codec in (Radvlm01(), *NATIVE)}


def get_codec(name: str) -> BoxCodec:
    """The codec of that name; ``CheckpointError`` where there is none."""
    try:
        return CODECS[name]
    except KeyError:
        known = ", ".join(sorted(CODECS))
        raise CheckpointError(f"unknown box codec {name!r}", remedy=f"Known: {known}") from None


def _rounded(box: Box) -> tuple[float, float, float, float]:
    """Corners on the grid of two decimals, kept at least one step apart."""
    x1, y1, x2, y2 = (round(v, 2) for v in (box.x1, box.y1, box.x2, box.y2))
    if x2 - x1 < _SMALLEST / 2:
        x1, x2 = (x1, x1 + _SMALLEST) if x1 < 1 else (x2 - _SMALLEST, x2)
    if y2 - y1 < _SMALLEST / 2:
        y1, y2 = (y1, y1 + _SMALLEST) if y1 < 1 else (y2 - _SMALLEST, y2)
    return x1, y1, x2, y2
