"""Readings of one shadow set side by side: "atelectasis versus pneumonia", "scar/atelectasis".

Goes in: a clause and the findings named in it. Comes out: which of them are one of several
readings, so that none is certain. "Nodule or mass" is one label, and no choice between two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from radvlm.tasks.chexpert_words import RIVAL
from radvlm.tasks.lexicon import Mention

_BETWEEN = re.compile(r"\b(?:and/or|or|versus|vs)\b\.?|(?<=\w) ?/ ?(?=\w)")
_STOP = (
    r"\b(?:is|are|was|were|has|have|with|without|in|of|at|on|within|from|there|which|that|to|due"
    r"|represent\w*|reflect\w*|suggest\w*|be|for|seen|noted|may|could|near|overlying|and(?!/))\b"
)
_LEFT_STOP = re.compile(_STOP)
_RIGHT_STOP = re.compile(rf"{_STOP}|,")
_RIVAL = re.compile(rf"(?<!\w){RIVAL}(?!\w)")
_SHADOW = re.compile(r"opaci|densit|marking|blunt|abnormal|change|prominen|interstitial|nodular")
_OF_PLEURA = re.compile(r"scar|fibrosis|thicken|plaque")
_FAR = 120


def rivals(clause: str, mentions: Sequence[Mention]) -> Iterator[Mention]:
    """The mentions that are one of several readings in the clause."""
    for link in _BETWEEN.finditer(clause):
        left = _left(clause, link)
        right = _right(clause, link)
        before = [m for m in mentions if left <= m.start and m.end <= link.start()]
        after = [m for m in mentions if link.end() <= m.start and m.end <= right]
        free = [_RIVAL.search(clause, left, link.start()), _RIVAL.search(clause, link.end(), right)]
        if not (before or free[0]) or not (after or free[1]):
            continue
        names = {m.name for m in (*before, *after)}
        foreign = (not before and free[0]) or (not after and free[1])
        if foreign and names == {"Pleural Other"} and _OF_PLEURA.search(foreign[0]):
            continue
        if len(names) > 1 or foreign:
            yield from (*before, *after)


def _left(clause: str, link: re.Match[str]) -> int:
    """Where the readings before a link begin: behind a verb or a preposition, or a bare shadow."""
    start = max(0, link.start() - _FAR)
    stops = [match.end() for match in _LEFT_STOP.finditer(clause, start, link.start())]
    left = max([start, *stops])
    pieces = clause[left : link.start()].split(",")
    listed = link[0].strip() in ("or", "and/or") and not _SHADOW.search(",".join(pieces[:-1]))
    if listed or (len(pieces) > 1 and not pieces[-1].strip()):
        return left
    return link.start() - len(pieces[-1])


def _right(clause: str, link: re.Match[str]) -> int:
    end = min(len(clause), link.end() + _FAR)
    stop = _RIGHT_STOP.search(clause, link.end(), end)
    return stop.start() if stop else end
