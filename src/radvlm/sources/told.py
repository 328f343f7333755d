"""What rows and names of a released table say, for the readers that need it.

Rows that are told twice are taken once, rows that contradict each other not at all, and the names
of labels are the release's own but for the 14 of CheXpert, which are spelled alike everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from radvlm.vocabulary import CHEXPERT_14

T = TypeVar("T")

DUPLICATED = "duplicated row"
CONTRADICTING = "rows of one key contradict each other"

_CHEXPERT = {name.lower(): name for name in CHEXPERT_14}


def spelled(name: str) -> str:
    """A label's name with even white space, spelled as CheXpert does where it has it."""
    name = " ".join(name.split())
    return _CHEXPERT.get(name.lower(), name)


def told_once(rows: Iterable[T], key: Callable[[T], str]) -> tuple[list[T], list[tuple[str, str]]]:
    """The rows without repetitions, in order, and (key, reason) of what is left out.

    Of equal rows the first is kept, with one reason for each of the others; of different rows with
    the same key none is, with one reason for all.
    """
    first: dict[str, T] = {}
    contradicted: dict[str, str] = {}
    repeated = []
    for row in rows:
        known = first.setdefault(key(row), row)
        if known != row:
            contradicted[key(row)] = CONTRADICTING
        elif known is not row:
            repeated.append((key(row), DUPLICATED))
    kept = [row for name, row in first.items() if name not in contradicted]
    return kept, repeated + list(contradicted.items())
