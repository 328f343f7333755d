"""How other models write boxes: CheXagent, MAIRA-2, Qwen3-VL, Qwen2.5-VL and MedGemma.

Each convention is a grid over a ``Frame`` of the image, and a spelling (``grid_codecs``); a box
comes back within half a step of where it was. Half a step is at most half a pixel of the
image where the frame has at most 1,000 pixels a side (``qwen3_1000``, ``medgemma_yx``), half a
pixel of the **resized** image with ``qwen25_pixels``, and half a hundredth of the frame with
``chexagent_100`` and ``maira_bins``, whose grids are no finer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

from radvlm.frames import Frame, Size, centre_square, padded_square, smart_resize
from radvlm.grid_codecs import Cells, Found, GridCodec
from radvlm.protocols import BoxCodec

T = TypeVar("T")

_NUMBER = r"\s*(\d{1,5}(?:\.\d{1,4})?)\s*"
_FOUR = ",".join([_NUMBER] * 4)
_POINTS = rf"\({_NUMBER},{_NUMBER}\)\s*,?\s*\({_NUMBER},{_NUMBER}\)"
_LABEL = re.compile(r'"label"\s*:\s*"([^"]{0,200})"')


class Chexagent100(GridCodec):
    """``<|box|> (12,30),(55,80) <|/box|>``: hundredths of the whole image (CheXagent-2)."""

    name = "chexagent_100"
    _pattern = re.compile(rf"<\s?\|?\s?box\s?\|?\s?>\s*{_POINTS}\s*<\s?\|?\s?/box\s?\|?\s?>")

    def steps(self, size: Size) -> Size:
        """A hundred each way."""
        return 100, 100

    def spell(self, cells: Sequence[Cells]) -> str:
        """Two points in a tag, a tag for each box."""
        return " ".join(f"<|box|> ({a},{b}),({c},{d}) <|/box|>" for a, b, c, d in cells)

    def find(self, text: str) -> Iterator[Found]:
        """Tags, with or without the blanks that the tokenizer adds."""
        for match in self._pattern.finditer(text):
            yield Found(*match.span(), tuple(map(float, match.groups())))


class MairaBins(GridCodec):
    """``<box><x55><y45><x70><y56></box>``: a hundred bins over the centre square (MAIRA-2).

    A number is a bin and stands for its middle; two ends in one bin stand for the whole bin.
    """

    name = "maira_bins"
    _pattern = re.compile(
        r"<box>\s*<x(\d{1,3})>\s*<y(\d{1,3})>\s*<x(\d{1,3})>\s*<y(\d{1,3})>\s*</box>"
    )

    def frame(self, size: Size) -> Frame:
        """The square that the model is shown."""
        return centre_square(size)

    def steps(self, size: Size) -> Size:
        """The last bin; there are a hundred."""
        return 99, 99

    def spell(self, cells: Sequence[Cells]) -> str:
        """A tag a coordinate."""
        return "".join(f"<box><x{a}><y{b}><x{c}><y{d}></box>" for a, b, c, d in cells)

    def find(self, text: str) -> Iterator[Found]:
        """Boxes as they are written; the tokenizer knows no other way."""
        for match in self._pattern.finditer(text):
            yield Found(*match.span(), tuple(map(float, match.groups())))

    def tidy(self, text: str, after: bool, before: bool) -> str:
        """Without the tags around a grounded phrase."""
        return text.replace("<obj>", "").replace("</obj>", "")

    def _cells(self, ends: Sequence[float], steps: int) -> tuple[int, int]:
        low, high = (min(steps, math.floor(end * (steps + 1))) for end in ends)
        return low, high

    def _ends(self, low: float, high: float, steps: int) -> tuple[float, float]:
        bins = steps + 1
        if low == high:
            return low / bins, (low + 1) / bins
        return (low + 0.5) / bins, (high + 0.5) / bins


class JsonCodec(GridCodec):
    """Boxes as JSON objects with a list of four whole numbers under ``key``."""

    key: str
    y_first: ClassVar[bool] = False
    _pattern = re.compile(
        rf'\{{[^{{}}]{{0,200}}?"(b?box(?:_2d)?)"\s*:\s*\[{_FOUR}\][^{{}}]{{0,200}}\}}'
        rf"|\[{_FOUR}\]"
        rf"|(?:<\|box_start\|>)?{_POINTS}(?:<\|box_end\|>)?"
    )

    def spell(self, cells: Sequence[Cells]) -> str:
        """One object, or a list of several."""
        objects = [{self.key: self._turned(c)} for c in cells]
        return json.dumps(objects if len(objects) > 1 else objects[0])

    def find(self, text: str) -> Iterator[Found]:
        """Objects with their label; bare lists and pairs of points are mended."""
        for match in self._pattern.finditer(text):
            key, *rest = match.groups()
            numbers = [float(number) for number in rest if number is not None]
            label = _LABEL.search(match[0])
            plain = key == self.key and not any(n and "." in n for n in rest)
            yield Found(
                *match.span(), tuple(self._turned(numbers)), label[1] if label else "", not plain
            )

    def tidy(self, text: str, after: bool, before: bool) -> str:
        """Without the list's brackets and the fence around it."""
        if before and text.rstrip().endswith(("[", "```json")):
            text = text.rstrip().removesuffix("[").rstrip().removesuffix("```json")
        if after and text.lstrip().startswith(("]", "```")):
            text = text.lstrip().removeprefix("]").lstrip().removeprefix("```")
        return text

    def _turned(self, four: Sequence[T]) -> list[T]:
        a, b, c, d = four
        return [b, a, d, c] if self.y_first else [a, b, c, d]


class Qwen31000(JsonCodec):
    """``{"bbox_2d": [120, 300, 550, 800]}``: thousandths of the whole image (Qwen3-VL)."""

    name = "qwen3_1000"
    key = "bbox_2d"

    def steps(self, size: Size) -> Size:
        """A thousand each way."""
        return 1000, 1000


class Qwen25Pixels(JsonCodec):
    """``{"bbox_2d": [67, 168, 308, 448]}``: pixels of the resized image (Qwen2.5-VL).

    The image is resized as by the published processors: multiples of 28, 3,136 to 12,845,056
    pixels. A processor with other limits is another convention.
    """

    name = "qwen25_pixels"
    key = "bbox_2d"
    factor = 28
    fewest, most = 56 * 56, 28 * 28 * 16384

    def steps(self, size: Size) -> Size:
        """As many as the resized image has pixels."""
        return smart_resize(size, self.factor, self.fewest, self.most)


class MedgemmaYx(JsonCodec):
    """``{"box_2d": [300, 120, 800, 550]}``: y before x, thousandths of the padded square.

    The model is to see the image with black borders that make it square, as MedGemma's own
    notebooks for radiographs prepare it.
    """

    name = "medgemma_yx"
    key = "box_2d"
    y_first = True

    def frame(self, size: Size) -> Frame:
        """The square that the model is shown."""
        return padded_square(size)

    def steps(self, size: Size) -> Size:
        """A thousand each way."""
        return 1000, 1000


NATIVE: tuple[BoxCodec, ...] = (
    Chexagent100(),
    MairaBins(),
    Qwen31000(),
    Qwen25Pixels(),
    MedgemmaYx(),
)
"""To be known by name, these stand in ``codecs.CODECS``."""
