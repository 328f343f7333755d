"""A writer of conversations from what a study knows, by templates and without a text model.

Everything said can be seen on the image: findings, devices, side, severity, projection, places.
Topics are one to four rounds, a follow-up always behind what it refers to.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from radvlm.records import Answer, Box, Part, Status, Study, Turn, View
from radvlm.tasks.asking import (
    boxes_of,
    exchange,
    findings_of,
    known,
    named,
    wholly_negative,
)
from radvlm.tasks.definitions import DEFINITIONS
from radvlm.tasks.facts import WHERE_IT, WHERE_REGION, severity_of, side_of
from radvlm.tasks.lexicon import canonical, in_lexicon, spoken, with_article
from radvlm.tasks.wording import Phrasing, listed, plain
from radvlm.vocabulary import DEVICES, NO_FINDING, SUPPORT_DEVICES

Round = tuple[Turn, Turn]

_PROJECTION = Phrasing(
    "Is this a PA or an AP view?", "Which projection is it, PA or AP?", "Is it a PA or AP image?"
)
_PROJECTION_REPLY = Phrasing("This is {} view.", "It is {} view.", "The image is {} view.")
OVERALL = Phrasing(
    "What do you see?", "What does the image show?", "Is anything wrong on this image?"
)
SUMMARY = Phrasing("Please sum up.", "So what is the conclusion?", "Can you give me a summary?")
_LIST = Phrasing("The image shows {}.", "I see {}.", "There {is} {}.")
_NOTHING = Phrasing("I see no abnormality.", "No abnormality is visible.", "The image is normal.")
_IS_THERE = Phrasing("Is there {}?", "Do you see {}?", "Does the image show {}?")
_YES = Phrasing("Yes, there {is} {}.", "Yes, I see {}.", "Yes, the image shows {}.")
_NO = Phrasing("No, there {is} no {}.", "No, I see no {}.", "No {} {is} visible.")
_HEART = Phrasing("Is the heart enlarged?", "Is the heart large?", "Is there cardiomegaly?")
_HEART_YES = Phrasing("Yes, the heart is enlarged.", "Yes, there is cardiomegaly.")
_HEART_NO = Phrasing("No, the heart is not enlarged.", "No, there is no cardiomegaly.")
_SIDE = Phrasing("On which side?", "Which side is it on?", "On what side is it?")
_ONE_SIDE = Phrasing("It is on the {} side.", "On the {} side.", "It is seen on the {} side.")
_BOTH_SIDES = Phrasing("It is on both sides.", "On both sides.", "It is seen on both sides.")
_SEVERITY = Phrasing("How severe is it?", "How large or severe is it?")
_SEVERITY_REPLY = Phrasing("It is {}.", "I would call it {}.", "It looks {}.")
_DEVICES = Phrasing("Are there any devices?", "Do you see any devices?", "Any medical devices?")
_NO_DEVICES = Phrasing("No, there are no devices.", "No devices are visible.", "I see no devices.")
_MEANING = Phrasing("What does {} mean?", "What is meant by {}?", "Can you explain {}?")
_PLACE = Phrasing("The {} {is} at {boxes}.", "You can see the {} at {boxes}.")


@dataclass(frozen=True, slots=True)
class Length:
    """Rounds of a conversation, from and to; how many findings it is about at most.

    ``negatives`` is how many absent ones; none for as many as there are present ones.
    """

    rounds: tuple[int, int]
    findings: int
    negatives: int | None = None


SHORT = Length((3, 6), 2)
LONG = Length((5, 10), 4, 4)
"""The paper's five to ten rounds (§3.1.4)."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Rounds that belong together; ``stage`` 0 opens a conversation, 2 closes it."""

    rounds: tuple[Round, ...]
    stage: int = 1

    @property
    def points(self) -> bool:
        """Whether a reply holds boxes."""
        return any(reply.target and reply.target.boxes for _, reply in self.rounds)


def write_dialogue(
    study: Study, view: View, rng: random.Random, *, grounded: bool, length: Length = SHORT
) -> tuple[Turn, ...]:
    """The turns of a conversation; none where too little is known.

    A grounded one points at a finding or a region at least once.
    """
    writer = Writer(study, view, rng, grounded, length)
    topics = [*writer.findings(), *writer.general(), *writer.regions()]
    rng.shuffle(topics)
    if grounded:
        first = next((topic for topic in topics if topic.points), None)
        if first is None:
            return ()
        topics.remove(first)
        topics.insert(0, first)
    chosen = _choose(topics, rng.randint(*length.rounds))
    if sum(len(topic.rounds) for topic in chosen) < length.rounds[0]:
        return ()
    rng.shuffle(chosen)
    chosen.sort(key=lambda topic: topic.stage)
    return tuple(turn for topic in chosen for pair in topic.rounds for turn in pair)


def _choose(topics: Sequence[Topic], wanted: int) -> list[Topic]:
    """The first topics, as many as make the rounds wanted; the last one may lose follow-ups."""
    chosen: list[Topic] = []
    left = wanted
    for topic in topics:
        if left:
            chosen.append(Topic(topic.rounds[:left], topic.stage))
            left -= len(chosen[-1].rounds)
    return chosen


def _agreed(said: set[str | None]) -> str | None:
    """The one thing that all phrases say; right and left together are both."""
    if said == {"right", "left"}:
        return "both"
    return said.pop() if len(said) == 1 else None


class Writer:
    """Topics about one view; only names that free text can be read for are spoken of."""

    def __init__(
        self, study: Study, view: View, rng: random.Random, grounded: bool, length: Length
    ) -> None:
        self.study, self.view, self.rng, self.grounded = study, view, rng, grounded
        self.length = length
        everything = known(study, view)
        self.nothing = wholly_negative(everything)
        self.statuses: Mapping[str, Status] = {
            name: status for name, status in everything.items() if in_lexicon(name)
        }
        self.findings_only = {
            name: status
            for name, status in self.statuses.items()
            if name not in DEVICES and name != SUPPORT_DEVICES
        }
        self.boxes = boxes_of(study, view) if grounded else {}

    def general(self) -> Iterator[Topic]:
        """Projection, overall impression, devices, one definition, summary."""
        if self.view.projection in ("PA", "AP"):
            yield self.projection()
        if impression := self.impression(OVERALL):
            yield Topic((impression,), 0)
        if summary := self.impression(SUMMARY):
            yield Topic((summary,), 2)
        if devices := self.devices():
            yield Topic((devices,))
        if defined := [name for name in self.findings_only if name in DEFINITIONS]:
            name = self.rng.choice(defined)
            question = _MEANING.say(self.rng, spoken(name))
            yield Topic((exchange(question, (DEFINITIONS[name],), None),))

    def findings(self) -> Iterator[Topic]:
        """Some present findings with their follow-ups, and as many absent ones.

        Where nothing is present an absent one is asked for half of the time, so that over a data
        set yes and no stay about even; unless the length says how many.
        """
        present = [name for name, status in self.findings_only.items() if status == "present"]
        absent = [name for name, status in self.findings_only.items() if status == "absent"]
        count = min(self.length.findings, len(present))
        for name in self.rng.sample(present, count):
            yield Topic((self.yes(name), *self.follow_up(name)))
        if self.length.negatives is None:
            count = count or self.rng.randint(0, 1)
        else:
            count = self.length.negatives
        for name in self.rng.sample(absent, min(count, len(absent))):
            yield Topic((self.no(name),))

    def regions(self) -> Iterator[Topic]:
        """Two regions and where they are, in a grounded conversation."""
        regions = {r.name: r.box for r in self.study.regions if r.view == self.view.id}
        for name in self.rng.sample(sorted(regions), min(2 * self.grounded, len(regions))):
            question = WHERE_REGION.say(self.rng, name)
            yield Topic((self.place(question, name, name, (regions[name],)),))

    def projection(self) -> Topic:
        """The projection asked for; for PA and AP."""
        words = f"a{'n' if self.view.projection == 'AP' else ''} {self.view.projection}"
        reply = _PROJECTION_REPLY.parts(self.rng, words)
        target = Answer(plain(reply), {f"projection: {self.view.projection}": "present"})
        return Topic((exchange(_PROJECTION.say(self.rng), reply, target),), 0)

    def impression(self, questions: Phrasing) -> Round | None:
        """What is present, or that nothing is; none where neither is known."""
        present = [name for name, status in self.statuses.items() if status == "present"]
        shown = [name for name in present if name not in DEVICES]
        if shown:
            reply = _LIST.parts(self.rng, listed([with_article(name) for name in shown]))
            target = Answer(plain(reply), dict.fromkeys(shown, "present"))
        elif self.nothing:
            reply = _NOTHING.parts(self.rng)
            target = Answer(plain(reply), {NO_FINDING: "present"})
        else:
            return None
        return exchange(questions.say(self.rng), reply, target)

    def devices(self) -> Round | None:
        """Whether there are devices; none where that is not known."""
        kinds = [name for name in DEVICES if self.statuses.get(name) == "present"]
        if kinds or self.statuses.get(SUPPORT_DEVICES) == "present":
            words = listed([with_article(name) for name in kinds]) or "support devices"
            reply = _YES.parts(self.rng, words)
            labels: dict[str, Status] = dict.fromkeys((SUPPORT_DEVICES, *kinds), "present")
        elif self.statuses.get(SUPPORT_DEVICES) == "absent":
            reply = _NO_DEVICES.parts(self.rng)
            labels = {SUPPORT_DEVICES: "absent"}
        else:
            return None
        return exchange(_DEVICES.say(self.rng), reply, Answer(plain(reply), labels))

    def yes(self, name: str) -> Round:
        """A present finding asked for."""
        if name == "Cardiomegaly":
            question, reply = _HEART.say(self.rng), _HEART_YES.parts(self.rng)
        else:
            question = _IS_THERE.say(self.rng, with_article(name))
            reply = _YES.parts(self.rng, with_article(name))
        return exchange(question, reply, Answer(plain(reply), {name: "present"}))

    def no(self, name: str) -> Round:
        """An absent finding asked for."""
        if name == "Cardiomegaly":
            question, reply = _HEART.say(self.rng), _HEART_NO.parts(self.rng)
        else:
            question = _IS_THERE.say(self.rng, with_article(name))
            reply = _NO.parts(self.rng, spoken(name))
        return exchange(question, reply, Answer(plain(reply), {name: "absent"}))

    def follow_up(self, name: str) -> list[Round]:
        """Where it is; on which side and how severe, where the finding's phrases agree on it."""
        phrases = [
            finding.phrase
            for finding in findings_of(self.study, self.view)
            if canonical(finding.name) == name and finding.status == "present" and finding.phrase
        ]
        side = _agreed({side_of(phrase) for phrase in phrases})
        degree = _agreed({severity_of(phrase) for phrase in phrases})
        rounds = []
        if name in self.boxes:
            question = WHERE_IT.say(self.rng)
            rounds.append(self.place(question, spoken(name), name, self.boxes[name]))
        if side:
            phrasing = _BOTH_SIDES if side == "both" else _ONE_SIDE
            rounds.append(self._detail(_SIDE, phrasing.parts(self.rng, side), f"side: {side}"))
        if degree:
            reply = _SEVERITY_REPLY.parts(self.rng, degree)
            rounds.append(self._detail(_SEVERITY, reply, f"severity: {degree}"))
        return rounds

    def _detail(self, questions: Phrasing, reply: tuple[Part, ...], fact: str) -> Round:
        target = Answer(plain(reply), {fact: "present"})
        return exchange(questions.say(self.rng), reply, target)

    def place(self, question: str, words: str, name: str, boxes: Sequence[Box]) -> Round:
        """Boxes of a finding or region."""
        reply = _PLACE.parts(self.rng, words, boxes)
        return exchange(question, reply, Answer(plain(reply), {}, named(name, boxes)))
