"""A text of any length → its clauses, in each of which one denial or doubt governs what follows.

Sentences end at full stops, semicolons and empty lines; within one, a word that turns ("but",
"except for") or a new statement after a comma or "and" ends a clause. Lower case, white space
evened out.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from radvlm.tasks.cues import DOUBT, NEGATION, NEW_CLAUSE, SENTENCE, TURN, VERB

REACH = 400
"""Characters over which a cue acts: more than any sentence has, and the time stays linear."""

LONGEST = 1500
"""Characters of what is taken as one sentence; some rules look at a whole one again and again."""

_NOT_A_FINDING = re.compile(
    r"(?:^|(?<=[.:\n]))\s*(?:(?:clinical|patient) )?(?:indications?|history|information"
    r"|comparisons?|techniques?|reason for (?:the )?(?:exam(?:ination)?|study)"
    r"|exam(?:ination)?|procedure)\s*:"
)
_A_FINDING = re.compile(
    r"\b(?:findings?|impressions?|conclusions?|interpretation|report|summary|opinion)\s*:"
)
_OR = re.compile(r"\b(?:or|nor)\b")
_DIFFERENTIAL = re.compile(r"\b(?:differential|considerations?|possibilities)\b")
_NEXT_VERB = re.compile(r"\b(?:there|shows?|(?:is|are|was|were) (?!seen|present|identified))")


def clauses(text: str) -> Iterator[str]:
    """The clauses of a text, in order."""
    for sentence in sentences(text):
        yield from clauses_of(sentence)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text without the mark that ends them, in lower case."""
    for sentence in SENTENCE.split(text.lower().replace("’", "'")):
        even = " ".join(sentence.split())
        yield from (even,) if len(even) <= LONGEST else textwrap.wrap(even, LONGEST)


def clauses_of(sentence: str) -> Iterator[str]:
    """The clauses of one sentence."""
    for piece in TURN.split(sentence):
        yield from _split_lists(piece)


def findings_only(text: str) -> str:
    """The text without its history, indication, comparison and technique sections.

    Such a section ends where one of findings begins, else with its line, else with its sentence.
    """
    lowered = text.lower()
    if len(lowered) != len(text):
        text = lowered
    kept, at = [], 0
    for match in _NOT_A_FINDING.finditer(lowered):
        if match.start() >= at:
            kept.append(text[at : match.start()])
            at = _section_end(lowered, match.end())
    return "\n".join([*kept, text[at:]])


def _section_end(lowered: str, start: int) -> int:
    if found := _A_FINDING.search(lowered, start):
        return found.start()
    line = lowered.find("\n", start)
    if line >= 0:
        return line
    stop = SENTENCE.search(lowered, start)
    return stop.end() if stop else len(lowered)


def _split_lists(piece: str) -> Iterator[str]:
    """Cut before a new statement, but not in a list governed to its "or", or in a differential."""
    start = 0
    for match in NEW_CLAUSE.finditer(piece):
        left = piece[max(start, match.start() - REACH) : match.start()]
        right = piece[match.end() : match.end() + REACH]
        governed = NEGATION.search(left) or DOUBT.search(left)
        in_list = governed and (_OR.search(_until_verb(right)) or _DIFFERENTIAL.search(left))
        if (governed or VERB.search(left)) and not in_list:
            yield piece[start : match.start()]
            start = match.end()
    yield piece[start:]


def _until_verb(text: str) -> str:
    verb = _NEXT_VERB.search(text)
    return text[: verb.start()] if verb else text
