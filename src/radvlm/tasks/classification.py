"""Which abnormalities there are (RadVLM §3.1.2): one open question, or closed ones."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from radvlm.records import Answer, Example, Part, Status, Study, Turn, View
from radvlm.tasks.asking import ENOUGH, example, exchange, frontal_views, known
from radvlm.tasks.labels import (
    read_labels,
    says_no,
    says_nothing_abnormal,
    yes_or_no,
)
from radvlm.tasks.lexicon import WORDS, canonical, in_lexicon, mentions, spoken, with_article
from radvlm.tasks.wording import Phrasing, listed, plain
from radvlm.vocabulary import CHEXPERT_13, CHEXPERT_14, DEVICES, NO_FINDING

OPEN = Phrasing(
    "Which abnormalities are present?",
    "List all abnormalities on this image.",
    "What abnormalities do you see?",
    "Name the abnormal findings.",
    "Which abnormal findings does this image show?",
)
PRESENT = Phrasing(
    "{} {is} present.",
    "The image shows {}.",
    "I see {}.",
    "These are visible: {}.",
)
NOTHING = Phrasing(
    "No abnormality is present.",
    "The image shows no abnormality.",
    "I see no abnormality.",
    "No abnormal finding is visible.",
)
CLOSED = Phrasing(
    "Is there evidence of {}?",
    "Does this image show {}?",
    "Do you see {}?",
    "Is there any sign of {}?",
)
YES = Phrasing("Yes, {} {is} present.", "Yes, there {is} {}.", "Yes, I see {}.", "Yes: {}.")
NO = Phrasing("No, there {is} no {}.", "No {} {is} visible.", "No, I see no {}.", "No sign of {}.")
NORMAL = Phrasing(
    "Is this radiograph normal?", "Is this a normal image?", "Does this image look normal?"
)
YES_NORMAL = Phrasing(
    "Yes, the radiograph is normal.", "Yes, this image is normal.", "Yes, normal."
)
NO_NORMAL = Phrasing(
    "No, there is an abnormality.", "No, this image is abnormal.", "No, it is not normal."
)


class Classification:
    """An open question where at least five names are known that free text can be read for.

    Otherwise, and for names that only the data set knows, one closed question a name.

    Args:
        uncertain: what an uncertain label counts as: ``absent`` (the paper), ``present`` (the
            published code), or nothing at all (``ignore``).
        unmentioned: ``unknown``, or ``absent``: then a study with any of the 14 CheXpert labels is
            asked one open question over 13 of them, as the paper does.
    """

    name = "classification"
    metrics: tuple[str, ...] = ("label_macro_f1",)

    def __init__(
        self,
        uncertain: Literal["absent", "present", "ignore"] = "absent",
        unmentioned: Literal["unknown", "absent"] = "unknown",
    ) -> None:
        self.uncertain = uncertain
        self.unmentioned = unmentioned

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """The open example of each frontal view, then the closed ones, names sorted."""
        for view in frontal_views(study):
            statuses = self._statuses(study, view)
            usual = [name for name in statuses if is_usual(name)]
            rest = list(statuses)
            if len(usual) >= ENOUGH:
                asked = {name: statuses[name] for name in usual if name != NO_FINDING}
                yield example(self.name, study, view, _open(asked, rng))
                rest = [n for n in statuses if not (is_usual(n) or n in DEVICES)]
            for name in rest:
                yield example(self.name, study, view, _closed(name, statuses[name], rng))

    def _statuses(self, study: Study, view: View) -> dict[str, Status]:
        """Each name present or absent, as the rules for the others say; names sorted."""
        said = known(study, view)
        decided: dict[str, Status] = {}
        if self.unmentioned == "absent" and not said.keys().isdisjoint(CHEXPERT_14):
            said = {name: status for name, status in said.items() if name in CHEXPERT_14}
            decided = dict.fromkeys(CHEXPERT_13, "absent")
        for name, status in said.items():
            if status != "uncertain":
                decided[name] = status
            elif self.uncertain != "ignore":
                decided[name] = self.uncertain
            else:
                decided.pop(name, None)
        return dict(sorted(decided.items()))

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """What the reply says of the one name asked for, or of any that it mentions.

        In a list, names it does not mention are left to the metric, which takes them as absent.
        """
        text, asked = plain(parts), plain(question)
        name = _asked_name(asked)
        if name is not None:
            status = read_closed(text, name)
            return Answer(text, {name: status} if status else {}, readable=status is not None)
        labels = read_labels(text, (*WORDS, NO_FINDING))
        return Answer(text, labels, readable=bool(labels))


@lru_cache(maxsize=4096)
def is_usual(name: str) -> bool:
    """Whether an open list is about the name: the reader knows it, and it is no kind of device."""
    return name == NO_FINDING or (in_lexicon(name) and name not in DEVICES)


def read_closed(text: str, name: str) -> Status | None:
    """The status a reply gives to the one name it was asked about; none if it cannot be told."""
    nothing = says_nothing_abnormal(text)
    if name == NO_FINDING and nothing:
        return "present"
    if status := yes_or_no(text) or read_labels(text, (name,)).get(name):
        return status
    denied = name != NO_FINDING and (nothing or says_no(text))
    return "absent" if denied else None


def _open(statuses: Mapping[str, Status], rng: random.Random) -> tuple[Turn, Turn]:
    words = [with_article(name) for name, status in statuses.items() if status == "present"]
    reply = PRESENT.parts(rng, listed(words)) if words else NOTHING.parts(rng)
    return exchange(OPEN.say(rng), reply, Answer(plain(reply), statuses))


def _closed(name: str, status: Status, rng: random.Random) -> tuple[Turn, Turn]:
    normal, yes = name == NO_FINDING, status == "present"
    question = NORMAL if normal else CLOSED
    phrasing = (YES_NORMAL if yes else NO_NORMAL) if normal else (YES if yes else NO)
    reply = phrasing.parts(rng, spoken(name))
    return exchange(question.say(rng, spoken(name)), reply, Answer(plain(reply), {name: status}))


def _asked_name(question: str) -> str | None:
    """The one name a closed question is about, in our words or others; none for an open one."""
    if question in NORMAL.templates:
        return NO_FINDING
    slot = CLOSED.slot(question)
    if slot is not None:
        return canonical(slot)
    found = {mention.name for mention in mentions(question)}
    return found.pop() if len(found) == 1 else None
