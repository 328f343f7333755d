"""Labels from free text by rules: a name → present, absent or uncertain, where it is spoken of.

Goes sentence by sentence and clause by clause, with negation and uncertainty before and after a
mention. This is not CheXbert and does not stand in for it: a score made with it is named
``lexical``, and its figures must not be set beside those of a learned labeler.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from radvlm.records import Status
from radvlm.tasks.clauses import clauses
from radvlm.tasks.cues import IMPLIED, NEGATION, NOTHING, SOMETHING
from radvlm.tasks.lexicon import BROADER, WORDS, mentions
from radvlm.tasks.status import status_of
from radvlm.vocabulary import CHEXPERT_13, NO_FINDING, SUPPORT_DEVICES

MOST = 10_000
"""Longer than any radiograph's report; a model that repeats itself for a megabyte says no more."""

_STRENGTH: tuple[Status, ...] = ("absent", "uncertain", "present")


def read_labels(text: str, names: Sequence[str], *, broaden: bool = True) -> dict[str, Status]:
    """What a text says of each name; names it does not speak of are left out.

    Of several mentions the strongest holds: present over uncertain over absent. With ``broaden``
    a mention of a kind (nodule) is also one of its class (lung lesion), if that is in ``names``.

    Args:
        text: a report or a reply; what is beyond ``MOST`` characters is not looked at.
        names: those wanted, in the order of the result; free names are looked for verbatim.
        broaden: whether kinds count for their classes.
    """
    text = text[:MOST]
    said = _said(text, tuple(dict.fromkeys((*WORDS, *names))), broaden)
    lowered = " ".join(text.lower().split())
    for pattern, implied in IMPLIED:
        if pattern.search(lowered):
            said = {**dict.fromkeys(implied, "absent"), **said}
    if NO_FINDING in names and (overall := _overall(lowered, said)):
        said[NO_FINDING] = overall
    return {name: said[name] for name in names if name in said}


def stronger(first: Status | None, second: Status) -> Status:
    """Of two statuses of one name: present before uncertain before absent."""
    return second if first is None else max(first, second, key=_STRENGTH.index)


def says_nothing_abnormal(text: str) -> bool:
    """Whether a text calls the image normal, or says that there is no abnormality."""
    return bool(NOTHING.search(" ".join(text.lower().split())))


def says_no(text: str) -> bool:
    """Whether a reply denies something, whatever it is."""
    lowered = text.lower()
    return bool(NEGATION.search(lowered) or re.search(r"\babsent\b|\bnone\b", lowered))


def yes_or_no(text: str) -> Status | None:
    """The status that a reply beginning with yes or no gives to what was asked."""
    match = re.match(r"\W*(yes|no)\b", text.lower())
    return None if match is None else "present" if match[1] == "yes" else "absent"


def _said(text: str, names: tuple[str, ...], broaden: bool) -> dict[str, Status]:
    said: dict[str, Status] = {}
    for clause in clauses(text):
        for mention in mentions(clause, names):
            status = status_of(clause, mention.start, mention.end)
            broader = BROADER.get(mention.name) if broaden else None
            for name in filter(None, (mention.name, broader)):
                said[name] = stronger(said.get(name), status)
    return said


def _overall(lowered: str, said: dict[str, Status]) -> Status | None:
    """Whether the text as a whole says "no finding"; a device is none."""
    others = [said.get(name) for name in CHEXPERT_13 if name != SUPPORT_DEVICES]
    if "present" in others:
        return "absent"
    if NOTHING.search(lowered):
        return "uncertain" if "uncertain" in others else "present"
    abnormal = (
        status_of(clause, match.start(), match.end())
        for clause in clauses(lowered)
        for match in SOMETHING.finditer(clause)
    )
    return "absent" if "present" in abnormal else None
