"""What an answer of a conversation says of the image: findings present, absent or uncertain.

As ``tasks.labels`` reads it, with what conversations add: contractions, yes and no to a question,
sentences that call a part of the image normal, and sentences that only explain what a word means,
which say nothing of this image.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from radvlm.curate.conversations.truth import sentences
from radvlm.records import Status
from radvlm.tasks.classification import read_closed
from radvlm.tasks.labels import read_labels
from radvlm.tasks.lexicon import mentions
from radvlm.vocabulary import NO_FINDING

_MEANING = re.compile(r"\bmeans?\b|\bmeant\b|\bexplain\b|\bdefin\w+", re.I)
_WHAT_IS = re.compile(r"\W*(?:and |so )?what(?:'s| is| are)(?: an?| the)?\s+\W*", re.I)
_SUBJECT = re.compile(r"\W*(?:in general,? |generally,? )?(?:the term |an? )?[\"']?", re.I)
_DEFINES = re.compile(
    r"[\"']?,? (?:(?:usually|often|generally|simply|just) )?(?:means?|refers? to|describes?"
    r"|stands? for|is called|occurs?|happens?|(?:can|may) (?:be (?:caused by|due to)|result from)"
    r"|(?:is|are) (?:an?|when|where|fluid|air|extra|any|too|swelling)\b"
    r"|is the (?:term|word|name|medical)\b)",
    re.I,
)
_PRONOUNS = ("it", "this", "that", "these")
_HERE = re.compile(
    r"(?<!that )\bthere (?:is|are)\b|\b(?:here|i see|you|yours?|visible|seen|shows?|shown|present"
    r"|noted|located|(?:this|the) (?:image|x-?ray|radiograph|patient|case))\b",
    re.I,
)
_ASKS_WHETHER = re.compile(
    r"\b(?:is|are) there\b|\b(?:do|can) you see\b|\bdoes .* (?:show|have)\b|\bany\b"
    r"|\bis the (?:heart|cardiac)\b|\b(?:visible|present)\b",
    re.I,
)
_ASIDE = re.compile(r"\b(?:besides?|other than|apart from|except|else|beyond|addition)\b", re.I)
_PART = re.compile(
    r"\b(?:right|left|lungs?|bones?|ribs?|heart|cardiac|mediastin\w+|hil\w+|pleura\w*"
    r"|(?:hemi)?diaphragms?|apex|apices|zones?|bases?|in this area)\b",
    re.I,
)
_SPELLED = tuple(
    (re.compile(pattern, re.I), words)
    for pattern, words in (
        (r"[’`]", "'"),
        (r"\bcan(?:not|'t)\b(?! (?:exclude|rule))", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"\bthere's\b", "there is"),
        (r"\b(?:does|do) not (?:appear|seem) to (?:be|have)\b", "is not"),
        (r"\b(?:does|do) not (?:appear|seem)\b", "is not"),
        (r"\bnothing (?:to suggest|suggesting|suspicious for)\b", "no"),
        (r":\s+(?=there|i |the |it )", ". "),
    )
)


def spelled_out(text: str) -> str:
    """The text with ``don't``, ``cannot`` and "does not appear to be" as the reader knows them."""
    for pattern, words in _SPELLED:
        text = pattern.sub(words, text)
    return text


def claims(text: str, asked: str, names: Sequence[str]) -> dict[str, Status]:
    """The findings an answer speaks of, in itself or by yes and no to what was asked."""
    said = read_labels(text, names, broaden=False)
    if said.get(NO_FINDING) == "present" and not _of_all(text, asked):
        del said[NO_FINDING]
    if _ASKS_WHETHER.search(asked) and not _ASIDE.search(asked):
        for mention in mentions(asked):
            status = read_closed(text, mention.name)
            if status and mention.name not in said:
                said[mention.name] = status
    return said


def explains(asked: str) -> bool:
    """Whether a question asks what a word means."""
    match = _WHAT_IS.match(asked)
    named = mentions(asked)
    is_named = match is not None and named and named[0].start == match.end()
    return bool(is_named or _MEANING.search(asked))


def image_only(asked: str, text: str) -> str:
    """The answer without what explains a word to somebody who asked for that."""
    if not explains(asked):
        return text
    about = {mention.name for mention in mentions(asked)}
    return " ".join(one for one in sentences(text) if not _general(one, about))


def _of_all(text: str, asked: str) -> bool:
    """Whether a text calls the image normal, not just a part of it."""
    whole = " ".join(one for one in sentences(text) if not _PART.search(one))
    return not _PART.search(asked) and NO_FINDING in read_labels(whole, (NO_FINDING,))


def _general(sentence: str, about: set[str]) -> bool:
    """Whether a sentence says what something is, and nothing of this image.

    Of "it" and "that" only the word asked ``about`` can be said: "it is a ..." may be a finding.
    """
    lowered = sentence.lower()
    start = _SUBJECT.match(lowered)
    end = start.end() if start else 0
    found = mentions(lowered)
    subjects = [mention.end for mention in found if mention.start == end]
    if about.issuperset(mention.name for mention in found):
        subjects += [end + len(word) for word in _PRONOUNS if lowered.startswith(f"{word} ", end)]
    return any(_DEFINES.match(lowered, at) for at in subjects) and not _HERE.search(lowered)
