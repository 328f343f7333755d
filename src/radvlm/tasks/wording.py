"""Ways of saying one thing: templates that are filled for ``ask`` and taken apart for ``read``.

A template may hold ``{}`` (what is spoken of), ``{is}`` (is or are, after it) and ``{boxes}``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from radvlm.records import Box, Part

_HOLE = re.compile(r"(\{\}|\{is\}|\{boxes\})")


class Phrasing:
    """Some templates that mean the same."""

    def __init__(self, *templates: str) -> None:
        self.templates = templates
        # Cut once: a data set fills them a million times.
        self._cut = [tuple(map(_HOLE.split, t.partition("{boxes}")[::2])) for t in templates]
        by_length = sorted(templates, key=len, reverse=True)
        self._readers = [_reader(template) for template in by_length if "{}" in template]

    def say(self, rng: random.Random, slot: str = "") -> str:
        """One of the templates without boxes, filled."""
        (text,) = self.parts(rng, slot)
        assert isinstance(text, str)
        return text

    def parts(
        self, rng: random.Random, slot: str = "", boxes: Sequence[Box] = ()
    ) -> tuple[Part, ...]:
        """One of the templates, filled; its boxes are one part."""
        known = {"{}": slot, "{is}": verb(slot)}
        before, after = rng.choice(self._cut)
        filled = ["".join([known.get(p, p) for p in pieces]) for pieces in (before, after)]
        first: Part = filled[0][:1].upper() + filled[0][1:]
        whole = (first, tuple(boxes), filled[1]) if boxes else (first,)
        return tuple(part for part in whole if part)

    def slot(self, text: str) -> str | None:
        """What stands at ``{}`` in a text made by one of the templates, else none."""
        for reader in self._readers:
            if match := reader.fullmatch(text.strip()):
                return match[1]
        return None


def plain(parts: Sequence[Part]) -> str:
    """The words of a turn, without its boxes."""
    return "".join(part for part in parts if isinstance(part, str)).strip()


def listed(items: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def verb(words: str) -> str:
    """``are`` for a plural or a list, else ``is``."""
    plural = words.endswith("s") and not words.endswith(("is", "ss", "us"))
    return "are" if plural or " and " in words else "is"


def _reader(template: str) -> re.Pattern[str]:
    known = {"{}": "(.+?)", "{is}": "(?:is|are)", "{boxes}": ".*"}
    pieces = (known.get(piece, re.escape(piece)) for piece in _HOLE.split(template))
    return re.compile("".join(pieces), re.DOTALL | re.IGNORECASE)
