"""What one of our questions is about, so that a baseline can be asked it in its own words.

In: the text of a user's turn. Out: its kind and what it is about. Anything our tasks do not ask in
these words is ``free``: models that converse are given it as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from radvlm.tasks import (
    abnormality_detection,
    abnormality_grounding,
    anatomical_grounding,
    classification,
    phrase_grounding,
    report,
)
from radvlm.tasks.lexicon import spoken
from radvlm.vocabulary import NO_FINDING, REGIONS_29

Kind = Literal[
    "report", "labels", "label", "normal", "region", "finding", "phrase", "detection", "free"
]
"""A report; all abnormalities; one abnormality; whether all is normal; where a region, a finding or
a phrase is; all abnormalities with their places; anything else."""

GROUNDING: frozenset[Kind] = frozenset({"region", "finding", "phrase"})
"""Where one thing is."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: its kind, what it is about (a name or a phrase, or empty), and its own words."""

    kind: Kind
    about: str
    text: str


def read_ask(text: str) -> Ask:
    """The question that a user's turn asks."""
    kind, about = _kind(text)
    return Ask(kind, about, text)


def _kind(text: str) -> tuple[Kind, str]:
    whole: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("report", report.QUESTION.templates),
        ("labels", classification.OPEN.templates),
        ("normal", classification.NORMAL.templates),
        ("detection", abnormality_detection.QUESTION.templates),
    )
    for kind, templates in whole:
        if text in templates:
            return kind, ""
    if (phrase := phrase_grounding.QUESTION.slot(text)) is not None:
        return "phrase", phrase
    if (name := classification.CLOSED.slot(text)) is not None:
        return ("normal", "") if name == spoken(NO_FINDING) else ("label", name)
    region = anatomical_grounding.QUESTION.slot(text)
    if region in REGIONS_29:
        return "region", region
    if (name := abnormality_grounding.QUESTION.slot(text)) is not None:
        return "finding", name
    return ("free", "") if region is None else ("region", region)
