"""Boxes as models spell them in text: four numbers that stand together → where, and which box.

In: any text, of any length, trusted in nothing. Out: ``Spelled`` boxes in the order of the text.
Read are the convention of the RadVLM paper (§3.1.3), ``[x1, y1, x2, y2]`` as fractions, and what
language models write in its place: other brackets and tags, two points, ``x1: …``, percent signs,
semicolons, one bracket or none, nested ones, a fifth number, typographic digits and signs.

The numbers are found first and joined only over short gaps, and no pattern looks further than
``_NEAR`` characters: the time is linear in the text, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from radvlm.errors import RecordError
from radvlm.records import Box

_NEAR = 40
"""Characters between two numbers, or between a number and its bracket, that are looked at."""

_BEYOND = 0.05
"""How far outside 0…1 a corner may lie and still be clipped; further is a mistake or a unit."""

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_ASCII = _FULL_WIDTH | dict.fromkeys(map(ord, "−–‐‑"), "-") | {ord("、"): ",", ord("⁄"): "/"}
_ASCII |= dict.fromkeys(map(ord, "\u00a0\u2009\u202f\u3000"), " ") | dict.fromkeys(
    map(ord, "“”"), '"'
)

_WRITTEN = r"\d+(?:\.\d*)?|\.\d+"
_NUMBER = re.compile(
    rf"(?<![\w.])[-+]?(?:(?:{_WRITTEN})(?:e[-+]?\d{{1,3}})?%?|nan\b|inf(?:inity)?\b)", re.I
)
_NAMES: tuple[dict[str, int], ...] = (
    {"x1": 0, "y1": 1, "x2": 2, "y2": 3},
    {"x0": 0, "y0": 1, "x1": 2, "y1": 3},
    {"xmin": 0, "ymin": 1, "xmax": 2, "ymax": 3},
    {"left": 0, "top": 1, "right": 2, "bottom": 3},
)
_KEY = r"""["']?\b(x_?(?:\d|min|max)|y_?(?:\d|min|max)|left|top|right|bottom)["']?\s*[:=]\s*"""
_KEY_BEFORE = re.compile(rf"{_KEY}$", re.I)
_PLAIN_GAP = re.compile(r"\s*,\s*|\s+")
_GAP = re.compile(rf"\.?(?:\s*[,;|]\s*(?:and\s+)?|\s+and\s+|\s+)(?:{_KEY})?", re.I)
_NEXT_POINT = re.compile(r"\.?\s*[\])}>]\s*(?:[,;]|and|to|-)?\s*[\[({<]\s*", re.I)
_TAG = r"<\s?\|?\s?/?\s?(?:b?box)\w*\s?\|?\s?>"
_OPEN = re.compile(rf"(?:{_TAG}\s*)?[\[({{<]{{1,4}}\s*(?:{_KEY})?$|{_TAG}\s*$", re.I)
_CLOSE = re.compile(rf"\.?\s*[\])}}>]{{1,4}}(?:\s*{_TAG})?|\.?\s*{_TAG}", re.I)


@dataclass(frozen=True, slots=True)
class Spelled:
    """A box written from ``start`` to ``end`` of the text; none where the numbers make no box.

    ``mended`` is false only for the convention itself: square brackets, commas or spaces, plain
    numbers in 0…1, corners in order.
    """

    start: int
    end: int
    box: Box | None
    mended: bool


def spelled_boxes(text: str) -> Iterator[Spelled]:
    """Every box of a text, and what set out to be one: in square brackets, a tag or with keys.

    Four numbers in round brackets that make no box may be anything else. Never raises.
    """
    plain = text.translate(_ASCII)
    groups = _Groups(plain)
    reach = 0
    while (numbers := groups.next_box()) is not None:
        start, end = _extent(plain, numbers, max(reach, numbers[0].start() - _NEAR), groups.limit)
        box, mended = _read(plain, numbers, start, end)
        if box is not None or (start < numbers[0].start() and plain[start] != "("):
            reach = end
            yield Spelled(start, end, box, mended or plain[start:end] != text[start:end])


class _Groups:
    """Numbers joined over their gaps, one group after the other; those that may be a box."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found = _NUMBER.finditer(text)
        self.waiting = next(self.found, None)

    @property
    def limit(self) -> int:
        """Where the first number begins that is in no group yet; the end of the text if none is."""
        return self.waiting.start() if self.waiting else len(self.text)

    def next_box(self) -> list[re.Match[str]] | None:
        """The next four or five numbers that belong together, two points included."""
        group = self._joined()
        while group:
            following: list[re.Match[str]] = []
            if len(group) == 2 and self._leads_on(group[-1], _NEXT_POINT):
                following = self._joined()
            if len(group) in (4, 5):
                return group
            if len(following) == 2:
                return group + following
            group = following or self._joined()
        return None

    def _joined(self) -> list[re.Match[str]]:
        """The next run of numbers with nothing but separators between them."""
        group: list[re.Match[str]] = []
        while self.waiting and (not group or self._leads_on(group[-1], _GAP)):
            group.append(self.waiting)
            self.waiting = next(self.found, None)
        return group

    def _leads_on(self, last: re.Match[str], gap: re.Pattern[str]) -> bool:
        """Whether only ``gap`` lies between a number and the one waiting."""
        near = last.end() < self.limit <= last.end() + _NEAR and self.waiting is not None
        return near and gap.fullmatch(self.text, last.end(), self.limit) is not None


def _extent(
    text: str, numbers: Sequence[re.Match[str]], earliest: int, latest: int
) -> tuple[int, int]:
    """From the opening bracket, tag or key to the closing one; the numbers alone if neither is."""
    first, last = numbers[0].start(), numbers[-1].end()
    before = text[earliest:first]
    opened = _OPEN.search(before) or _KEY_BEFORE.search(before)
    closed = _CLOSE.match(text, last, min(latest, last + _NEAR))
    return earliest + opened.start() if opened else first, closed.end() if closed else last


def _read(
    text: str, numbers: Sequence[re.Match[str]], start: int, end: int
) -> tuple[Box | None, bool]:
    """The box of some numbers, and whether it was mended (which is so wherever there is none)."""
    bare = start == numbers[0].start() and end == numbers[-1].end()
    raw = [_value(number[0]) for number in numbers[:4]]
    order = _order(text, numbers, start)
    if order is None or not all(-_BEYOND <= value <= 1 + _BEYOND for value in raw):
        return None, True
    raw = [raw[order.index(corner)] for corner in range(4)]
    kept = [min(max(value, 0.0), 1.0) for value in raw]
    (x1, x2), (y1, y2) = sorted(kept[0::2]), sorted(kept[1::2])
    moved = raw != [x1, y1, x2, y2]
    if bare and (moved or len(numbers) != 4 or not _looks_like_a_box(text, numbers)):
        return None, True
    try:
        return Box(x1, y1, x2, y2), moved or not _conventional(text, numbers, start, end)
    except RecordError:
        return None, True


def _value(number: str) -> float:
    """What a written number is worth; percent as a fraction."""
    return float(number[:-1]) / 100 if number.endswith("%") else float(number)


def _order(text: str, numbers: Sequence[re.Match[str]], start: int) -> list[int] | None:
    """Which corner (0…3: x1, y1, x2, y2) each number is, by its key; none where keys are amiss."""
    ends = [start, *(number.end() for number in numbers[:3])]
    gaps = [text[a : n.start()] for a, n in zip(ends, numbers, strict=False)]
    keys = [match[1].lower().replace("_", "") for gap in gaps if (match := _KEY_BEFORE.search(gap))]
    if not keys:
        return [0, 1, 2, 3]
    return next(([names[k] for k in keys] for names in _NAMES if set(names) == set(keys)), None)


def _looks_like_a_box(text: str, numbers: Sequence[re.Match[str]]) -> bool:
    """Whether four numbers without any bracket can only be a box: fractions, with separators."""
    written = all("." in number[0] or "%" in number[0] for number in numbers)
    gaps = [text[a.end() : b.start()] for a, b in pairwise(numbers)]
    return written and all(gap.strip() in (",", ";") for gap in gaps)


def _conventional(text: str, numbers: Sequence[re.Match[str]], start: int, end: int) -> bool:
    """Whether the text is written as the convention has it, but for white space."""
    gaps = [text[a.end() : b.start()] for a, b in pairwise(numbers)]
    return (
        len(numbers) == 4
        and text[start : numbers[0].start()].strip() == "["
        and text[numbers[-1].end() : end].strip() == "]"
        and all(map(_PLAIN_GAP.fullmatch, gaps))
        and all(re.fullmatch(r"[0-9]+|[0-9]*\.[0-9]+", number[0]) for number in numbers)
    )
