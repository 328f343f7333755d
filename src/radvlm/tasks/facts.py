"""Facts a conversation states and is scored by, as labels: said of what was asked, no more.

Besides findings there are three kinds of fact, in the form ``kind: value`` and always present:
``projection: PA``, ``side: right`` (right, left, both) and ``severity: mild``. The last two are
about the finding the conversation is speaking of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from radvlm.records import Answer, Box, Part, Status
from radvlm.tasks.asking import named
from radvlm.tasks.classification import read_closed
from radvlm.tasks.labels import read_labels, says_nothing_abnormal
from radvlm.tasks.lexicon import WORDS, mentions
from radvlm.tasks.wording import Phrasing, plain
from radvlm.vocabulary import DEVICES, NO_FINDING, REGIONS_29, SUPPORT_DEVICES

SEVERITIES = ("small", "mild", "moderate", "large", "severe")

WHERE_REGION = Phrasing("Where {is} the {}?", "Can you show me the {}?", "Point to the {}, please.")
WHERE_IT = Phrasing("Where is it?", "Can you show me where it is?", "Point to it, please.")

_ASKS_PROJECTION = re.compile(r"\b(?:pa|ap|projection)\b", re.I)
_ASKS_SIDE = re.compile(r"\bsides?\b", re.I)
_ASKS_SEVERITY = re.compile(r"\bhow (?:severe|large|big|bad|much|strong)|\bsever(?:e|ity)\b", re.I)
_ASKS_PLACE = re.compile(r"\bwhere\b|\bpoint to\b|\bshow me\b|\blocate\b", re.I)


def read_turn(parts: Sequence[Part], question: Sequence[Part]) -> Answer:
    """What one reply of a conversation says; unreadable only where it is empty.

    A reply to "where" is its boxes, and no fact beside them.
    """
    text, asked = plain(parts), plain(question)
    boxes = _named_boxes(parts, asked)
    labels = {} if boxes and _ASKS_PLACE.search(asked) else read_facts(text, asked)
    return Answer(text, labels, boxes, readable=bool(text or boxes))


def read_facts(text: str, asked: str) -> dict[str, Status]:
    """The facts a reply states about what was asked; of an open question, all findings."""
    if _ASKS_PROJECTION.search(asked) and (found := _projection(text)):
        return {f"projection: {found}": "present"}
    if _ASKS_SIDE.search(asked) and (side := side_of(text)):
        return {f"side: {side}": "present"}
    if _ASKS_SEVERITY.search(asked) and (severity := severity_of(text)):
        return {f"severity: {severity}": "present"}
    names = [mention.name for mention in mentions(asked)]
    if SUPPORT_DEVICES in names:
        return _devices(text)
    if names:
        closed = {name: read_closed(text, name) for name in dict.fromkeys(names)}
        return {name: status for name, status in closed.items() if status}
    said = read_labels(text, tuple(WORDS), broaden=False)
    if not said and says_nothing_abnormal(text):
        said[NO_FINDING] = "present"
    return said


def side_of(text: str) -> str | None:
    """``right``, ``left`` or ``both``, where a text speaks of a side."""
    words = set(re.findall(r"\w+", text.lower()))
    if words & {"bilateral", "bilaterally", "both"} or {"right", "left"} <= words:
        return "both"
    return next((side for side in ("right", "left") if side in words), None)


def severity_of(text: str) -> str | None:
    """The first word of ``SEVERITIES`` in a text, also as an adverb (``mildly``)."""
    words = [word.removesuffix("ly") for word in re.findall(r"\w+", text.lower())]
    return next((word for word in words if word in SEVERITIES), None)


def _projection(text: str) -> str | None:
    found = re.search(r"\b(PA|AP)\b", text) or re.search(r"\b(pa|ap)\b", text)
    if found:
        return found[1].upper()
    spelled = re.search(r"\b(postero|antero)-?\s?(?:anterior|posterior)\b", text.lower())
    return None if spelled is None else {"postero": "PA", "antero": "AP"}[spelled[1]]


def _devices(text: str) -> dict[str, Status]:
    """Of the devices those said to be there, and whether there is any."""
    said = read_labels(text, (SUPPORT_DEVICES, *DEVICES))
    kinds: dict[str, Status] = {n: s for n, s in said.items() if s == "present" and n in DEVICES}
    overall: Status | None = "present" if kinds else read_closed(text, SUPPORT_DEVICES)
    return {SUPPORT_DEVICES: overall, **kinds} if overall else kinds


def _named_boxes(parts: Sequence[Part], asked: str) -> tuple[tuple[str, Box, float | None], ...]:
    """Boxes by the region or finding named last before them, else by what was asked for."""
    slot = WHERE_REGION.slot(asked)
    name = slot if slot not in (None, "it") else ""
    fixed = bool(name)
    boxes: list[tuple[str, Box, float | None]] = []
    for part in parts:
        if isinstance(part, str):
            name = name if fixed else _last_named(part) or name
        else:
            boxes += named(name or "", part)
    return tuple(boxes)


def _last_named(text: str) -> str | None:
    found = mentions(text, (*WORDS, *REGIONS_29))
    return found[-1].name if found else None
