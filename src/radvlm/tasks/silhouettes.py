"""The heart and the mediastinum in a clause: which of them it calls enlarged, borderline or normal.

The cardiomediastinal silhouette speaks for both labels. A size or contour only said to be stable,
or hidden, sets none. What is meant by "enlarged" (not, possibly) is the matter of ``status``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from radvlm.records import Status

HEART, MEDIASTINUM = "Cardiomegaly", "Enlarged Cardiomediastinum"

_SHAPE = r"(?:silhouettes?|contours?|sizes?|shadows?|structures?|configuration|outlines?|margins?)"
_SUBJECT = re.compile(
    rf"(?<!\w)(?:(?P<both>cardio-? ?mediastin(?:al|um)(?: {_SHAPE})?)"
    rf"|(?P<heart>heart(?: {_SHAPE})?|cardiac(?: {_SHAPE}|(?=,| and\b| or\b|/| & ))"
    r"|cardiopericardial)|(?P<mediastinum>(?:superior |upper )?mediastin"
    rf"(?:um|al(?:[ ,]+(?:and |or |& )?\w+){{0,2}}? {_SHAPE})))(?!\w)"
    r"(?! (?:disease|failure|abnormalit|surgery|rate|border|valve))"
)
_WORDS = re.compile(
    r"(?<!\w)(?:(?P<heart>cardiomegaly|(?:cardiac|heart) enlargement)"
    r"|(?P<mediastinum>mediastinal (?:widening|enlargement|prominence)))(?!\w)"
)
_SAYS = re.compile(
    r"(?<!\w)(?:(?P<edge>borderline)|(?P<normal>normal|unremarkable|within limits)"
    r"|(?P<big>enlarge(?:d|ment|s)|enlarging|widen(?:ed|ing)|wide|prominen(?:t|ce)|large|big|dilated"
    r"|increased in size|generous))(?!\w)"
)
_LIGHT = (
    r"(?:\w+ly|of|the|in|its|size|sized|transverse|appearing|overall|stable|diameter|appearance"
    r"|superior|upper|somewhat|chronic)"
)
_FORWARD = re.compile(rf" (?:{_LIGHT} ){{0,4}}")
_JOINED = re.compile(rf",? (?:and |or |& )?(?:{_LIGHT} ){{0,2}}")
_BARRIER = re.compile(
    r"\b(?:with|without|but|by|there|due|obscur\w+|lungs? (?:is|are|appear)|aort\w+ (?:is|are)|seen"
    r"|clear|which|that|effusions?|opacit\w+|free|accentuat\w+|given|despite|from)\b"
    r"|\b(?:stable|unchanged|enlarged|tortuous)\b[^,]*,"
)
_PLAIN_GAP = re.compile(
    r"(?:[ ,:/]+(?:is|are|was|were|remains?|appears?|shows?|demonstrates?|has|have|been|be|may"
    r"|might|could|and|or|to|not|both|also|again|now|some|mild|moderate|marked|severe|at|top|limits?|within"
    r"|normal|borderline|mediastin\w+|cardiac|heart|xxxx|doesn't|isn't|does|do|appear|"
    + _LIGHT[3:-1]
    + rf"|{_SHAPE}))*[ /:,]*"
)
_ANOTHERS = re.compile(r"(?:,|\band|\bor)\s*$")
_SAME = re.compile(r"[ /](?:limits )?(?:or |to |but )?(?:\w+ly )?(?:\w+ly )?$")
_NEXT_NOUN = re.compile(r" (?!in\b|for\b|and\b|size|limits|or\b|to\b|but\b|on\b|as\b|at\b)\w")

_NEAR, _FAR = 30, 150
"""Characters within which "borderline" is said of a word, and a predicate of a subject."""


@dataclass(frozen=True, slots=True)
class Said:
    """A label, where in the clause it is spoken of, and what normality makes of it.

    Attributes:
        status: absent where called normal, uncertain where borderline; none where called enlarged,
            so that the words around decide.
    """

    name: str
    start: int
    end: int
    status: Status | None


def silhouettes(clause: str) -> Iterator[Said]:
    """What a clause in lower case says of the heart and of the mediastinum."""
    for word in _WORDS.finditer(clause):
        name = HEART if word["heart"] else MEDIASTINUM
        edge = "borderline" in clause[max(0, word.start() - _NEAR) : word.start()]
        yield Said(name, word.start(), word.end(), "uncertain" if edge else None)
    subjects = list(_SUBJECT.finditer(clause))
    if subjects:
        for predicate in _SAYS.finditer(clause):
            for subject in _subjects_of(predicate, subjects, clause):
                start = min(subject.start(), predicate.start())
                end = max(subject.end(), predicate.end())
                for name in _names(subject):
                    yield Said(name, start, end, _status(predicate, clause))


def _subjects_of(
    predicate: re.Match[str], subjects: list[re.Match[str]], clause: str
) -> Iterator[re.Match[str]]:
    """Those that the predicate stands before ("normal heart size"), else those it follows."""
    following = [s for s in subjects if s.start() >= predicate.end()]
    at, pattern = predicate.end(), _FORWARD
    for subject in following:
        if not pattern.fullmatch(clause, at, subject.start()):
            break
        yield subject
        at, pattern = subject.end(), _JOINED
    if at == predicate.end():
        yield from (s for s in subjects if _follows(predicate, s, clause))


def _follows(predicate: re.Match[str], subject: re.Match[str], clause: str) -> bool:
    gap = clause[subject.end() : predicate.start()]
    if subject.end() > predicate.start() or len(gap) > _FAR or _BARRIER.search(gap):
        return False
    between = list(_SAYS.finditer(gap))
    if between and not _SAME.fullmatch(f" {gap[between[-1].end() :].lstrip()}"):
        return False
    anothers = _ANOTHERS.search(gap) and not between
    if anothers and (predicate["big"] or _NEXT_NOUN.match(clause, predicate.end())):
        return False
    return not predicate["big"] or bool(_PLAIN_GAP.fullmatch(gap))


def _names(subject: re.Match[str]) -> tuple[str, ...]:
    if subject["both"]:
        return (HEART, MEDIASTINUM)
    return (HEART,) if subject["heart"] else (MEDIASTINUM,)


def _status(predicate: re.Match[str], clause: str) -> Status | None:
    before = clause[max(0, predicate.start() - _NEAR) : predicate.start()]
    if predicate["edge"] or "borderline" in before:
        return "uncertain"
    if predicate["normal"]:
        return "absent"
    return "uncertain" if re.search(r"\bnormal (?:limits )?(?:or|to|/)", before) else None
