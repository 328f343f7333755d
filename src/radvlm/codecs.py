"""How models write coordinates. A codec belongs to a checkpoint, not to an architecture.

``radvlm_01`` is the convention of the RadVLM paper (§3.1.3): ``[x1, y1, x2, y2]`` as fractions of
the original image, here always with two decimals, several boxes joined by commas and ``and``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from radvlm.errors import CheckpointError, RecordError
from radvlm.protocols import BoxCodec
from radvlm.records import Box, Part

_NUMBER = r"\d*\.?\d+\.?"
_BOX = re.compile(
    rf"\[\s*({_NUMBER})(?:\s*,\s*|\s+)({_NUMBER})(?:\s*,\s*|\s+)({_NUMBER})(?:\s*,\s*|\s+)({_NUMBER})\s*\]"
)
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

        Mended and said so: swapped corners, values beyond the image, a stray full stop.
        Four numbers that make no box stay text.
        """
        parts: list[Part] = []
        mended = False
        end = 0
        for match in _BOX.finditer(text):
            box, repaired = _read(match.groups())
            mended |= repaired
            if box is None:
                continue
            between = text[end : match.start()]
            previous = parts[-1] if parts else None
            if isinstance(previous, tuple) and _JOINT.fullmatch(between):
                parts[-1] = (*previous, box)
            else:
                parts += [between, (box,)] if between else [(box,)]
            end = match.end()
        rest = text[end:]
        return (*parts, *([rest] if rest else [])), mended


CODECS: dict[str, BoxCodec] = {codec.name: codec for codec in (Radvlm01(),)}


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


def _read(numbers: Sequence[str]) -> tuple[Box | None, bool]:
    """The box of four written numbers, or none, and whether it had to be mended."""
    raw = [float(n.rstrip(".") or 0) for n in numbers]
    mended = any(n.endswith(".") for n in numbers)
    kept = [min(max(v, 0.0), 1.0) for v in raw]
    mended |= kept != raw
    x1, x2 = sorted((kept[0], kept[2]))
    y1, y2 = sorted((kept[1], kept[3]))
    mended |= [x1, y1, x2, y2] != kept
    try:
        return Box(x1, y1, x2, y2), mended
    except RecordError:
        return None, True
