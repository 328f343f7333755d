"""The offline editor: a report without what only a comparison could tell, sentence by sentence.

A clause that compares goes, a finding said to be gone is denied, a word such as "stable" is left
out; a sentence of which nothing is left goes too. It adds no fact, and its own digest changes with
its rules.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from radvlm.curate.priors import cues
from radvlm.curate.priors.cues import CHANGED, CLAUSES, DROPPED, GONE, WORDS

_SENTENCE = re.compile(r"\S.*?(?:(?<!\bDr)(?<!\bvs)[.!?;]+(?=\s|$)|$)", re.DOTALL)
_EMPTY = re.compile(
    r"(?:an?|the|there|is|are|was|were|has|have|been?|appears?|appearances?|th[iae]t|th[eo]se|this"
    r"|it|its|in|of|on|at|to|for|with|and|or|but|as|we|also|overall|otherwise|exam|examination"
    r"|study|chest|findings?|noted|seen|present|which|size|position|not?|from|xxxx)"
)
"""Words that say nothing when nothing else is left."""


_ARTICLE = re.compile(
    r"^(?:(?:the|an?|there (?:is|are))\s)?(?:(?:previous|prior|earlier|known)\s)?", re.IGNORECASE
)
_LOOSE_END = re.compile(
    r"(?:[,;\s]|\b(?:and|but|which|that|is|are|appears?|has|have|with)(?=\s*$))+$", re.IGNORECASE
)


@cache
def digest() -> str:
    """Hash of the rules, which travels with what was written by them."""
    rules = b"".join(Path(name).read_bytes() for name in (cues.__file__, __file__))
    return sha256(rules).hexdigest()[:12]


def edit(report: str) -> str:
    """The report with white space evened out; empty where only comparisons were in it."""
    sentences = _SENTENCE.findall(" ".join(report.split()))
    return " ".join(filter(None, map(edit_sentence, sentences)))


def edit_sentence(sentence: str) -> str:
    """One sentence without priors, as it was where it has none; empty where it has to go."""
    body, end = _without_end(sentence)
    if DROPPED.search(body):
        return ""
    edited = _denied(body)
    for clause in CLAUSES:
        edited = clause.sub("", edited)
    for pattern, instead in CHANGED:
        edited = pattern.sub(instead, edited)
    edited = WORDS.sub("", edited)
    if edited == body:
        return sentence
    tidy = _tidy(edited)
    return f"{tidy}{end or '.'}" if _says_anything(tidy) else ""


def _denied(body: str) -> str:
    """What is said to be gone, denied: the effusion seen before has resolved → no effusion."""
    match = GONE.match(body)
    if match is None:
        return body
    what = match["what"] or match["other"] or ""
    for clause in CLAUSES:
        what = clause.sub("", what)
    what = WORDS.sub("", what)
    what = _ARTICLE.sub("", what.strip())
    # "Cardiomegaly has resolved", but not "CHF has resolved".
    what = what if what[1:2].isupper() else what[:1].lower() + what[1:]
    return f"No {what}{match['rest'] or ''}"


def _without_end(sentence: str) -> tuple[str, str]:
    body = sentence.rstrip(".!?; ")
    return body, sentence[len(body) :].strip()[:1]


def _tidy(text: str) -> str:
    """Spaces, stray commas and conjunctions at the edges, a capital first."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.;)])", r"\1", text)
    text = re.sub(r",(?=,)|\(\)", "", text)
    text = re.sub(r"^(?:[,;\s]|(?:and|but|with|which|of)\b)+", "", text, flags=re.IGNORECASE)
    text = _LOOSE_END.sub("", text)
    return text[:1].upper() + text[1:]


def _says_anything(text: str) -> bool:
    return any(not _EMPTY.fullmatch(word) for word in re.findall(r"[a-z]+", text.lower()))
