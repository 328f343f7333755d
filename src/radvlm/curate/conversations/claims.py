"""What the answers of a conversation claim of the image, held against what is known of it.

The reader of free text finds the claims: what it cannot read passes, and what it reads wrongly is
lost, which costs a conversation and keeps no error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from radvlm.curate.conversations.statements import claims, image_only, spelled_out
from radvlm.curate.conversations.truth import Truth, sentences, severities_in, sides_in
from radvlm.records import Answer, Status, Turn
from radvlm.tasks.facts import read_facts
from radvlm.tasks.labels import read_labels
from radvlm.tasks.lexicon import mentions
from radvlm.tasks.wording import plain
from radvlm.vocabulary import NO_FINDING

AGAINST, BEYOND = "contradiction", "tone"
"""A claim that is not so, or of which nothing is known; one that is surer than what is known."""

_VIEW = re.compile(
    r"\b(?:PA|AP)\b(?! (?:catheter|line))|\b(?:postero|antero)-?\s?(?:anterior|posterior)\b"
)
_SEX = re.compile(r"\b(?:(female|wom[ae]n|lady)|(male|m[ae]n))\b", re.I)

Found = tuple[str, str]
"""Category, and in which words of ours it is so: names of findings, never text."""


def against_truth(rounds: Sequence[tuple[Turn, Turn]], truth: Truth) -> Iterator[tuple[int, Found]]:
    """What each round, counted from 1, claims against or beyond what is known."""
    spoken_of: tuple[str, ...] = ()
    for number, (question, reply) in enumerate(rounds, 1):
        asked = spelled_out(plain(question.parts))
        text = image_only(asked, spelled_out(plain(reply.parts)))
        said = claims(text, asked, truth.names)
        spoken_of = _spoken_of(asked, said, spoken_of)
        for found in (
            *_labels(said, truth),
            *_labels(_scored(reply.target), truth),
            *_details(text, asked, spoken_of, truth),
            *_sided(text, truth),
            *_sex(text, truth),
        ):
            yield number, found


def verdict(name: str, claimed: Status, truth: Truth) -> Found | None:
    """What is wrong with a claim; unknown findings may be denied, not affirmed."""
    if name == NO_FINDING:
        return _overall(claimed, truth)
    known, told = truth.labels.get(name), truth.told.get(name)
    for status, who in ((known, "labels"), (told, "report")):
        if status and {status, claimed} == {"present", "absent"}:
            return AGAINST, f"{name} is {claimed}: the {who} say {status}"
    best = known or told
    if best is None:
        borne = claimed == "absent" or truth.implies(name)
        return None if borne else (AGAINST, f"{name} is {claimed}: nobody says so")
    if best == "absent" and claimed == "uncertain":
        return AGAINST, f"{name} is uncertain: it is absent"
    if best == "uncertain" and claimed != "uncertain":
        return BEYOND, f"{name} is {claimed}: it is uncertain"
    return None


def _overall(claimed: Status, truth: Truth) -> Found | None:
    if claimed == "present" and not truth.normal:
        return AGAINST, "nothing abnormal: that is not known"
    if claimed == "absent" and truth.labels.get(NO_FINDING) == "present":
        return AGAINST, "something abnormal: there is nothing"
    return None


def _labels(said: dict[str, Status], truth: Truth) -> Iterator[Found]:
    for name, claimed in said.items():
        if found := verdict(name, claimed, truth):
            yield found


def _scored(target: Answer | None) -> dict[str, Status]:
    """The findings of a target; facts of other kinds hold a colon."""
    labels = target.labels if target else {}
    return {name: status for name, status in labels.items() if ": " not in name}


def _spoken_of(asked: str, said: dict[str, Status], before: tuple[str, ...]) -> tuple[str, ...]:
    """The findings that "it" may mean now: those asked for, else those affirmed last."""
    named = tuple(dict.fromkeys(mention.name for mention in mentions(asked)))
    affirmed = tuple(n for n, s in said.items() if s != "absent" and n != NO_FINDING)
    return named or affirmed or before


def _details(text: str, asked: str, names: Sequence[str], truth: Truth) -> Iterator[Found]:
    """Side and severity of the one finding spoken of, and the projection."""
    facts = [*read_facts(text, asked), *(read_facts(text, "PA?") if _VIEW.search(text) else ())]
    kinds = dict(fact.split(": ") for fact in facts if ": " in fact)
    if (view := kinds.get("projection")) and view != truth.projection:
        yield AGAINST, f"the projection is {view}"
    if len(names) != 1:
        return
    known = truth.sides.get(names[0])
    if "side" in kinds and known and not sides_in(text) <= known:
        yield AGAINST, f"{names[0]} is on another side"
    if "severity" in kinds and not severities_in(text) <= truth.severities.get(names[0], set()):
        yield AGAINST, f"{names[0]} is of another severity"


def _sided(text: str, truth: Truth) -> Iterator[Found]:
    """Sentences that affirm one finding and name a side."""
    for sentence in sentences(text):
        named = {mention.name for mention in mentions(sentence)}
        if len(named) == 1 and (sides := sides_in(sentence)):
            (name,) = named
            affirmed = read_labels(sentence, (name,)).get(name) != "absent"
            if affirmed and not sides <= truth.sides.get(name, sides):
                yield AGAINST, f"{name} is on another side"


def _sex(text: str, truth: Truth) -> Iterator[Found]:
    for female, _ in _SEX.findall(text):
        if truth.sex != ("F" if female else "M"):
            yield AGAINST, "the sex is another or not known"
