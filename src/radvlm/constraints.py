r"""Replies held to a form, so that what should be boxes, labels or JSON always parses.

In: what a reply may be, as a ``protocols.Constraint``. Out: a ``Matcher`` that tells of a beginning
whether it can still become such a reply, which decoding asks before each token. Beyond the regular
expression, the third and fourth number of a box have to exceed the first and second, which no
regular expression can say: a box always has an area.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import regex

from radvlm.errors import InputError
from radvlm.protocols import BoxCodec, Constraint

MOST_BOXES = 8
"""Boxes in one reply; more are never asked for, and a reply has to end."""

_THOUSANDTHS = r"(?:1000|[1-9]\d{1,2}|\d)"
_HUNDREDTHS = r"(?:100|[1-9]\d|\d)"
_FRACTION = r"(?:0\.\d\d|1\.00)"
_BOXES: dict[str, tuple[str, str, str, str, float]] = {
    # codec: one box, between boxes, before several, after several, the largest coordinate
    "radvlm_01": (rf"\[{_FRACTION}(?:, {_FRACTION}){{3}}\]", "(?:, | and )", "", "", 1.0),
    "chexagent_100": (
        rf"<\|box\|> \({_HUNDREDTHS},{_HUNDREDTHS}\),\({_HUNDREDTHS},{_HUNDREDTHS}\) <\|/box\|>",
        " ",
        "",
        "",
        100,
    ),
    "qwen3_1000": (
        rf'\{{"bbox_2d": \[{_THOUSANDTHS}(?:, {_THOUSANDTHS}){{3}}\]\}}', ", ", r"\[", r"\]", 1000,
    ),
    "medgemma_yx": (
        rf'\{{"box_2d": \[{_THOUSANDTHS}(?:, {_THOUSANDTHS}){{3}}\]\}}', ", ", r"\[", r"\]", 1000,
    ),
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d*)?")


class Matcher:
    """Tells what may follow; beginnings that were asked about are remembered by ``regex``."""

    def __init__(self, constraint: Constraint) -> None:
        try:
            self._pattern = regex.compile(constraint.pattern)
        except regex.error as error:
            raise InputError(f"no regular expression: {error}", "constraint") from None
        self._most = constraint.largest

    def may_begin(self, text: str) -> bool:
        """Whether some reply of the form begins so."""
        return self._pattern.fullmatch(text, partial=True) is not None and self._ascending(text)

    def is_whole(self, text: str) -> bool:
        """Whether the text is a reply of the form."""
        return self._pattern.fullmatch(text) is not None and self._ascending(text)

    def _ascending(self, text: str) -> bool:
        """Whether the corners of every box are, or can still become, in order and apart."""
        if self._most is None:
            return True
        found = list(_NUMBER.finditer(text))
        reach = [_reach(m[0], m.end() == len(text), self._most) for m in found]
        for index, (low, high) in enumerate(reach):
            if index % 4 < 2 and low >= self._most:
                return False
            if index % 4 >= 2 and high <= reach[index - 2][0]:
                return False
        return True


def boxes(codec: BoxCodec, most: int = MOST_BOXES) -> Constraint:
    """One to ``most`` boxes in the spelling of a codec, and nothing else.

    Raises:
        InputError: the codec has no form that fits every image (pixels), or no order (bins).
    """
    return Constraint(_boxes(codec, most), _BOXES[codec.name][4])


def label_list(names: Sequence[str], none: str = "No Finding") -> Constraint:
    """``Edema, Pneumothorax``: names in alphabetical order, each at most once, or ``none``."""
    escaped = [re.escape(name) for name in sorted(names)]
    lists = (
        first + "".join(f"(?:, {name})?" for name in escaped[index + 1 :])
        for index, first in enumerate(escaped)
    )
    return Constraint("|".join([*lists, re.escape(none)]))


def one_of(texts: Sequence[str]) -> Constraint:
    """Exactly one of some texts."""
    return Constraint("|".join(map(re.escape, texts)))


def findings_json(names: Sequence[str], most: int = MOST_BOXES) -> Constraint:
    """``[{"name": "Edema", "status": "present", "boxes": [[0.12, 0.30, 0.55, 0.80]]}, …]``.

    Up to ``most`` findings of those names with up to three boxes each, fractions of the image.
    """
    name = "|".join(map(re.escape, names))
    box = _BOXES["radvlm_01"][0]
    parts = (
        rf'"name": "(?:{name})"',
        '"status": "(?:present|absent|uncertain)"',
        rf'"boxes": \[(?:{box}(?:, {box}){{0,2}})?\]',
    )
    finding = rf"\{{{', '.join(parts)}\}}"
    return Constraint(rf"\[(?:{finding}(?:, {finding}){{0,{most - 1}}})?\]", 1.0)


def _boxes(codec: BoxCodec, most: int) -> str:
    if codec.name not in _BOXES:
        raise InputError(
            f"replies cannot be held to boxes of {codec.name}",
            "constraint",
            f"Use one of {', '.join(_BOXES)}",
        )
    one, joint, opening, closing, _ = _BOXES[codec.name]
    more = rf"{one}(?:{joint}{one}){{0,{most - 1}}}"
    return rf"(?:{one}|{opening}{more}{closing})" if opening else more


def _reach(number: str, unfinished: bool, most: float) -> tuple[float, float]:
    """The least and the greatest value a number can still have; both the same once it ends."""
    value = float(number)
    if not unfinished:
        return value, value
    if most <= 1:
        whole, _, decimals = number.partition(".")
        return value, min(most, float(f"{whole}.{decimals:9<2}"))
    digits = len(str(int(most))) - 1
    if value * 10 ** (digits + 1 - len(number)) == most and number.startswith("1"):
        return value, most
    return value, float(number.ljust(digits, "9")) if number != "0" else 0.0
