"""The fourteen CheXpert labels of a report by rules: present, absent, uncertain, or not spoken of.

The conventions are those of the CheXpert labeler (Irvin et al. 2019), stated in ``docs/labels.md``:
only words set labels and no label follows from another; present wins over uncertain, uncertain over
absent; histories, indications, comparisons and techniques are no findings; a part called normal is
absent, while "the lungs are clear" sets nothing. It is not that labeler and not CheXbert.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from radvlm.records import Status
from radvlm.tasks.chexpert_words import FINDINGS, HISTORY, PAST, finding_pattern
from radvlm.tasks.clauses import clauses_of, findings_only, sentences
from radvlm.tasks.labels import stronger
from radvlm.tasks.lexicon import Mention
from radvlm.tasks.rivals import rivals
from radvlm.tasks.silhouettes import silhouettes
from radvlm.tasks.status import status_of
from radvlm.vocabulary import CHEXPERT_14, NO_FINDING, SUPPORT_DEVICES

_WHOLE = re.compile(
    r"(?:there (?:is|are|has been) |the |this |an? )?"
    r"(?:(?:no|without|negative for|not|free of|nothing|any|an?|of|for|or|and|is|are|evidence|acute"
    r"|active|significant|definite|obvious|radiographic(?:ally)?|radiologic|convincing|visible|other"
    r"|identified|seen|noted|demonstrated|detected|present|apparent|evident|cardiopulmonary|cardiac"
    r"|pulmonary|intrathoracic|thoracic|cardiothoracic|abnormal|on|this|the|to|suggest|in|signs?"
    r"|disease|abnormalit(?:y|ies)|process(?:es)?|findings?|pathology|changes?"
    r"|chest|radiographs?|x-?rays?|exam(?:ination)?|study|film|views?|two|pa|lateral|frontal"
    r"|portable|ap|normal|unremarkable|negative|stable|suggestive|appearance|appears?|appearing|within|limits|xxxx"
    r"|essentially|grossly|completely|entirely|otherwise|\d+|currently|today's|which)[ ,/]*)+"
)
_DENIES = re.compile(
    r"\b(?:no|without|negative for|free of|nothing)\b.*\b(?:disease|abnormalit(?:y|ies)"
    r"|process(?:es)?|findings?|pathology|abnormal|acute)\b"
)
_CALLS_NORMAL = re.compile(
    r"\b(?:normal|unremarkable|negative)\b.*\b(?:chest|radiograph|x-?ray|exam|examination|study|film)"
    r"|\b(?:chest|radiographs?|x-?ray|exam|examination|study|film|views?)\b.*"
    r"(?<!not )\b(?:normal|unremarkable|negative)\b"
)


def chexpert_labels(text: str) -> dict[str, Status]:
    """What a report says of the fourteen labels; those it does not speak of are left out.

    "No Finding" is only ever present: where a sentence calls the whole examination normal or free
    of acute disease and tells nothing else, and no finding is present or uncertain anywhere.

    Args:
        text: a report, a section of one, or a sentence, of any length.
    """
    said: dict[str, Status] = {}
    for sentence in sentences(findings_only(text)):
        if says_whole_is_normal(sentence):
            said[NO_FINDING] = "present"
            continue
        for name, status in _statements(sentence):
            said[name] = stronger(said.get(name), status)
    found = {n for n, s in said.items() if s != "absent" and n not in (NO_FINDING, SUPPORT_DEVICES)}
    if found:
        said.pop(NO_FINDING, None)
    return {name: said[name] for name in CHEXPERT_14 if name in said}


def says_whole_is_normal(sentence: str) -> bool:
    """Whether a sentence in lower case calls the whole examination normal, and says no more."""
    return bool(
        _WHOLE.fullmatch(sentence) and (_DENIES.search(sentence) or _CALLS_NORMAL.search(sentence))
    )


def _statements(sentence: str) -> Iterator[tuple[str, Status]]:
    for clause in clauses_of(sentence):
        for said in silhouettes(clause):
            yield said.name, said.status or status_of(clause, said.start, said.end)
        found = list(_mentions(clause))
        unsure = set(rivals(clause, found))
        for mention in found:
            status = status_of(clause, mention.start, mention.end)
            yield mention.name, "uncertain" if mention in unsure and status == "present" else status


def _mentions(clause: str) -> Iterator[Mention]:
    told = HISTORY.search(clause)
    end = told.start() if told else len(clause)
    for name, pattern in _patterns():
        for match in pattern.finditer(clause):
            past = name == "Pneumonia" and PAST.search(clause, 0, match.start())
            if match.start() < end and not past:
                yield Mention(name, match.start(), match.end())


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, finding_pattern(name)) for name in FINDINGS)
