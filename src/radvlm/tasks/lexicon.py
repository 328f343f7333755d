"""How findings and devices are called in text: a name → the words that mean it.

Mentions are lexical: what is said *of* a finding (present, absent) is the matter of ``labels``.
Names outside the table are free strings of users' own data; they are written and read verbatim.
The words follow the mention lists of rule-based labelers (Irvin et al. 2019) in a shorter form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from radvlm.vocabulary import CHEXPERT_14, DEVICES, NO_FINDING, SUPPORT_DEVICES

_HEART = r"(?:heart|cardiac silhouette|cardiac size|cardiac contours?)"
_BIG = r"(?:enlarged|enlargement|large|big)"
_GAP = r"(?: (?!(?:and|normal|with|clear)\b)\w+){0,4}? "

WORDS: dict[str, str] = {
    "Atelectasis": r"atelecta(?:sis|ses|tic)|collapsed?",
    "Cardiomegaly": rf"cardiomegaly|{_HEART}{_GAP}{_BIG}|{_HEART} {_BIG}"
    rf"|(?:enlarged|large|enlargement of the) {_HEART}|cardiac enlargement",
    "Consolidation": r"consolidat(?:ions?|ed|ive)",
    "Edema": r"o?edema|(?:vascular|pulmonary|venous) congestion|(?:congestive )?heart failure",
    "Enlarged Cardiomediastinum": r"enlarged cardiomediastinum|wid(?:e|ened|ening of the) "
    r"(?:upper |superior )?mediastinum|mediastin(?:um|al contours?)(?: \w+){0,3}? (?:widened|wide)"
    r"|mediastinal widening|cardiomediastinal silhouette(?: \w+){0,3}? (?:enlarged|widened)",
    "Fracture": r"fractur(?:es?|ed)",
    "Lung Lesion": r"(?:lung |pulmonary )?lesions?|tumou?rs?|neoplasms?",
    "Lung Opacity": r"(?:lung |pulmonary )?opaci(?:ty|ties|fications?)|air-?\s?space disease",
    "Pleural Effusion": r"(?:pleural )?(?<!pericardial )effusions?|pleural fluid"
    r"|blunt(?:ing|ed)(?: of)?(?: the)?(?: right| left)? costophrenic"
    r"|costophrenic angles?(?: \w+){0,3}? blunted",
    "Pleural Other": r"pleural other|other pleural (?:disease|abnormality)|pleural plaques?"
    r"|fibrothorax",
    "Pneumonia": r"pneumonias?|infectio(?:n|us process)",
    "Pneumothorax": r"(?:hydro)?pneumothora(?:x|ces)",
    SUPPORT_DEVICES: r"(?:support |medical )?devices?|hardware|catheters?|tubes?",
    "pacemaker": r"pacemakers?|pacer|icd|defibrillator",
    "port": r"(?:chest )?port|port-?a-?cath",
    "central line": r"central (?:venous )?(?:lines?|catheters?)|picc(?: lines?)?",
    "endotracheal tube": r"endotracheal tubes?|et tube|ett",
    "chest drain": r"(?:chest|pleural) (?:drains?|tubes?)|pigtail catheters?",
    "sternal wires": r"sternal wires?|(?:median )?sternotomy(?: wires?)?",
    "Infiltration": r"infiltrat(?:ions?|es?)",
    "Mass": r"mass(?:es)?",
    "Nodule": r"(?:lung |pulmonary )?nodul(?:es?|ar)",
    "Nodule/Mass": r"nodules? ?/ ?mass(?:es)?",
    "Emphysema": r"emphysema",
    "Fibrosis": r"(?:pulmonary )?fibrosis",
    "Hernia": r"(?:hiatal |hiatus )?hernias?",
    "Pleural Thickening": r"pleural[ _]thickening",
    "Calcification": r"calcifications?",
    "Tuberculosis": r"tuberculo(?:sis|us)|tb",
    "COVID-19": r"covid(?:[- ]?19)?|sars-cov-2",
}
"""Regular expressions, matched in lower case between word boundaries."""

BROADER: dict[str, str] = {
    **dict.fromkeys(DEVICES, SUPPORT_DEVICES),
    "Infiltration": "Lung Opacity",
    "Mass": "Lung Lesion",
    "Nodule": "Lung Lesion",
    "Nodule/Mass": "Lung Lesion",
    "Pleural Thickening": "Pleural Other",
}
"""A name that is a kind of another: to mention the first is to mention the second."""

GENERAL = ("Enlarged Cardiomediastinum", "Lung Opacity", SUPPORT_DEVICES)
"""Classes that data sets also give, with the same boxes and words, to more specific findings."""

_SPOKEN = {"Pleural Other": "other pleural disease", "COVID-19": "COVID-19"}
_ALIASES = {"effusion": "Pleural Effusion", "no findings": NO_FINDING, "covid": "COVID-19"}
_ARTICLE = frozenset(
    {"Pleural Effusion", "Pneumothorax", "Fracture", "Lung Lesion", "Lung Opacity", "Mass"}
    | {"Nodule", "Hernia", "Nodule/Mass", "Enlarged Cardiomediastinum", *DEVICES}
    - {"sternal wires"}
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A name found in a text, and where."""

    name: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """The name as the table spells it (``Pleural_Thickening`` → ``Pleural Thickening``)."""
    plain = " ".join(name.replace("_", " ").split())
    return _by_spelling().get(plain.lower(), name)


def in_lexicon(name: str) -> bool:
    """Whether the reader of free text knows words for this (canonical) name."""
    return name in WORDS


def spoken(name: str) -> str:
    """How a (canonical) name is written in a sentence: lower case, a free name verbatim."""
    if name not in WORDS:
        return name
    return _SPOKEN.get(name, name.lower())


def with_article(name: str) -> str:
    """``a pleural effusion``, ``cardiomegaly``, ``support devices``."""
    words = spoken(name)
    if name not in _ARTICLE:
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def mentions(text: str, names: Sequence[str] | None = None) -> list[Mention]:
    """Every mention in order; where two overlap the longer one holds.

    ``names`` (default: the table's) may hold free names, which are looked for verbatim.
    """
    wanted = tuple(WORDS) if names is None else tuple(dict.fromkeys(names))
    found = sorted(_all(text.lower(), wanted), key=lambda m: (m.start - m.end, m.start, m.name))
    taken = bytearray(len(text.lower()))
    kept: list[Mention] = []
    for one in found:
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\x01" * (one.end - one.start)
            kept.append(one)
    return sorted(kept, key=lambda m: m.start)


def _all(lowered: str, names: tuple[str, ...]) -> Iterator[Mention]:
    for name in names:
        for match in _pattern(name).finditer(lowered):
            yield Mention(name, match.start(), match.end())


@lru_cache(maxsize=4096)
def _pattern(name: str) -> re.Pattern[str]:
    words = WORDS.get(name) or rf"{re.escape(name.lower())}s?"
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


@lru_cache(maxsize=1)
def _by_spelling() -> dict[str, str]:
    names = (*CHEXPERT_14, *WORDS)
    table = {name.lower(): name for name in names}
    return {**table, **{spoken(name).lower(): name for name in names}, **_ALIASES}
