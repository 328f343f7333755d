"""What is wrong with a conversation, in categories that are counted; what has any is never kept.

In: a dialogue and the study and view it is about. Out: problems, each with a stable category, the
round and a detail that names findings and never holds a study's text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from radvlm.curate.conversations.claims import AGAINST, against_truth
from radvlm.curate.conversations.truth import Truth, sentences, truth_of
from radvlm.errors import RecordError
from radvlm.records import Box, Dialogue, Part, Study, Turn, View
from radvlm.tasks.lexicon import mentions
from radvlm.tasks.wording import plain
from radvlm.vocabulary import REGIONS_29

Category = Literal["roles", "rounds", "empty", "priors", "leak", "tone", "box", "contradiction"]
"""Who speaks when; how many rounds; a turn without words; other examinations, change;
where the knowledge comes from; more certainty or advice than an image allows; a box that was not
given, in the wrong place, or as numbers; a claim against the labels, the report or the boxes."""

CATEGORIES: tuple[Category, ...] = get_args(Category)

ROUNDS = range(5, 11)
"""The paper's five to ten (§3.1.4)."""

TONE: dict[str, re.Pattern[str]] = {
    "certainty": re.compile(
        r"(?<!no )(?<!not )\b(?:definite(?:ly)?\b|100 ?(?:%|percent\b))"
        r"|\b(?:certainly|undoubtedly|unquestionably|without (?:any |a )?doubt"
        r"|i am (?:sure|certain)|guarantee[ds]?|proves?|confirms?)\b",
        re.I,
    ),
    "diagnosis": re.compile(
        r"\b(?:(?:my|the|your) diagnosis (?:is|would be)|diagnosed with|i diagnose"
        r"|you suffer|you are (?:ill|sick|healthy))\b",
        re.I,
    ),
    "treatment": re.compile(
        r"\b(?:you (?:should|must|need to|have to) (?:take|start|stop|undergo)"
        r"|prescri\w+|dos(?:e|age)|antibiotics?|diuretics?|(?:take|needs?) medications?"
        r"|(?:needs?|requires?) surgery|surgery is (?:needed|required|necessary)"
        r"|treat(?:ed|ment)? (?:with|is|should)|needs? (?:to be treated|treatment))\b"
        r"|\brecommend(?:ed|s)?\b(?!.{0,60}\b(?:doctor|physician|clinician|radiologist)\b)",
        re.I,
    ),
}
"""What no answer may hold: certainty no image gives, a diagnosis of the person, treatment."""

LEAK = re.compile(
    r"\breport(?:s|ed|ing)?\b|\b(?:the|given|provided) (?:labels?|list of abnormalities)\b"
    r"|\baccording to\b|\b(?:provided|given) (?:data|information)\b|\bthe (?:data|json)\b"
    r"|\bi (?:was|am|have been) (?:given|provided|told)\b|\bbounding box(?:es)?\b|\bcoordinates?\b",
    re.I,
)
"""Words about where the knowledge comes from: in any turn."""

_HEART = ("Cardiomegaly", "Enlarged Cardiomediastinum", "cardiac silhouette")
_OWNS = re.compile(r"(?<!if )(?<!whether )\byou(?:'ve| have| might have| may have)\b", re.I)
_NUMBERS = re.compile(r"<\W*b?box|(?:\b\d*\.?\d+\s*,\s*){3}\d*\.?\d|\.\d+\s*,\s*\d*\.\d", re.I)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong; ``round`` counts from 1 and is 0 for the whole conversation."""

    category: Category
    round: int
    detail: str


def problems(
    dialogue: Dialogue,
    study: Study,
    view: View,
    grounded: bool,
    mentions_prior: Callable[[str], bool],
) -> list[Problem]:
    """All that is wrong with a conversation about a view; empty where it can be kept.

    Args:
        dialogue: the conversation.
        study: what is known; labels, report and boxes are taken from this record alone.
        view: the view it is about.
        grounded: whether it has to point at something, or must not.
        mentions_prior: whether a text speaks of other examinations or of change over time.

    Raises:
        RecordError: the view, or the dialogue, belongs to another study.
    """
    if dialogue.view not in (None, view.id):
        raise RecordError("the dialogue is about another view", f"study {study.id}")
    truth = truth_of(study, view)
    turns = dialogue.turns
    found = [*_shape(turns), *_words(turns, mentions_prior), *_boxes(turns, truth, grounded)]
    for number, (category, detail) in against_truth(_rounds(turns), truth):
        found.append(Problem("contradiction" if category == AGAINST else "tone", number, detail))
    return list(dict.fromkeys(found))


def _rounds(turns: Sequence[Turn]) -> list[tuple[Turn, Turn]]:
    return [(q, a) for q, a in pairwise(turns) if (q.role, a.role) == ("user", "assistant")]


def _shape(turns: Sequence[Turn]) -> Iterator[Problem]:
    if [turn.role for turn in turns] != ["user", "assistant"] * (len(turns) // 2):
        yield Problem("roles", 0, "question and answer do not alternate")
    count = sum(turn.role == "assistant" for turn in turns)
    if count not in ROUNDS:
        yield Problem("rounds", 0, f"there are {count} rounds")


def _words(turns: Sequence[Turn], mentions_prior: Callable[[str], bool]) -> Iterator[Problem]:
    for at, turn in enumerate(turns):
        number, text, answers = at // 2 + 1, plain(turn.parts), turn.role == "assistant"
        if not (text or _shown(turn)):
            yield Problem("empty", number, f"the {turn.role} says nothing")
        if mentions_prior(text):
            yield Problem("priors", number, "it speaks of another examination or of change")
        if LEAK.search(text):
            yield Problem("leak", number, "it says where the knowledge comes from")
        if answers:
            yield from (Problem("tone", number, kind) for kind in _careless(text))


def _careless(text: str) -> Iterator[str]:
    """The kinds of ``TONE`` in an answer; telling people what they have is a diagnosis."""
    yield from (kind for kind, pattern in TONE.items() if pattern.search(text))
    if any(_OWNS.search(sentence) and mentions(sentence) for sentence in sentences(text)):
        yield "diagnosis"


def _shown(turn: Turn) -> list[Box]:
    return [box for part in turn.parts if not isinstance(part, str) for box in part]


def _boxes(turns: Sequence[Turn], truth: Truth, grounded: bool) -> Iterator[Problem]:
    given = {one.box for one in truth.boxes}
    spoken_of: set[str] = set()
    for at, turn in enumerate(turns):
        number, shown = at // 2 + 1, _shown(turn)
        scored = [box for _, box, _ in turn.target.boxes] if turn.target else shown
        if shown and (turn.role != "assistant" or not grounded):
            yield Problem("box", number, "there must be no box here")
        if not given.issuperset(shown):
            yield Problem("box", number, "a box is none of the given ones")
        if set(scored) != set(shown):
            yield Problem("box", number, "the target's boxes are not those shown")
        if _NUMBERS.search(plain(turn.parts)):
            yield Problem("box", number, "a box is written as text, or is not in the list")
        if not all(_of_what_is_named(turn.parts, spoken_of, truth)):
            yield Problem("box", number, "a box is not of what the words say")
        spoken_of = _named(plain(turn.parts), truth) or spoken_of
    if grounded and not any(map(_shown, turns)):
        yield Problem("box", 0, "it points at nothing")


def _of_what_is_named(parts: Sequence[Part], spoken_of: set[str], truth: Truth) -> Iterator[bool]:
    """Whether each part's boxes lie on something named before them in the sentence, else lately."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            names = _named((sentences(text) or [""])[-1], truth) or spoken_of
            own = {one.box for one in truth.boxes if one.name in names}
            yield not own or own.issuperset(part)


def _named(text: str, truth: Truth) -> set[str]:
    """Findings and regions that a text names; "the heart" is all that its box may be of."""
    found = {mention.name for mention in mentions(text, (*truth.names, *REGIONS_29))}
    return found | set(_HEART if re.search(r"\b(?:heart|cardiac)\b", text, re.I) else ())
