"""What still speaks of another examination in a text, by whomever it was edited."""

from __future__ import annotations

from radvlm.curate.priors.cues import MENTIONS


def mentions(text: str) -> list[tuple[int, int]]:
    """Where a text mentions another examination or change over time: (start, end), in order."""
    return [match.span() for match in MENTIONS.finditer(text)]


def speaks_of_prior(text: str) -> bool:
    """Whether there is any mention."""
    return MENTIONS.search(text) is not None
