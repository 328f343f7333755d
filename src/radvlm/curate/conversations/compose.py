"""Conversations without a text model, composed from the structured truth of one study.

Five to ten rounds: an opening or none, blocks about findings, absent ones, devices, the projection,
the patient's sex, terms, in changing order and with follow-ups that refer back, then "anything
else?" and a summary, or neither. Every reply has its target.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.curate.conversations.rounds import Kinds
from radvlm.errors import RecordError
from radvlm.records import Dialogue, Status, Study, View
from radvlm.tasks.dialogue import LONG, OVERALL, SUMMARY, Round, Writer
from radvlm.tasks.lexicon import GENERAL

ORIGIN = "rules"

EDITED = "findings.curated"
"""The section of a report from which what an image cannot show was taken out."""

Block = list[Round]


def compose(study: Study, view: View, rng: random.Random, grounded: bool) -> Dialogue | None:
    """A conversation about a view; none where too little is known for five rounds.

    Args:
        study: what is known; nothing is said that this record does not hold.
        view: the view it is about.
        rng: decides everything that is free; the same state gives the same conversation.
        grounded: whether it points at findings and regions; none where there is no box.

    Raises:
        RecordError: the view belongs to another study.
    """
    if view not in study.views:
        raise RecordError("the view belongs to another study", f"study {study.id}, view {view.id}")
    rounds = _Composer(Writer(study, view, rng, grounded, LONG)).rounds()
    if len(rounds) < LONG.rounds[0]:
        return None
    return Dialogue(tuple(turn for one in rounds for turn in one), ORIGIN, view.id)


class _Composer:
    def __init__(self, writer: Writer) -> None:
        self.writer, self.rng, self.kinds = writer, writer.rng, Kinds(writer)
        self._spare: Block = []

    def rounds(self) -> list[Round]:
        """The rounds in order; fewer than five where too little is known."""
        wanted = self.rng.randint(*LONG.rounds)
        opening = self._opening() if self.rng.random() < 0.7 else []
        summary = self.writer.impression(SUMMARY) if self.rng.random() < 0.4 else None
        closing = [summary] if summary else []
        asks_more = self.rng.random() < 0.4
        room = wanted - len(opening) - len(closing) - asks_more
        blocks = self._chosen(list(self._blocks(_told(opening))), room)
        if self.writer.grounded and not any(map(_points, blocks)):
            return []
        middle = [one for block in blocks for one in block]
        if asks_more:
            more = list(self.kinds.anything_else(_told([*opening, *middle])))
            middle += more or self._spare[:1]
        return [*opening, *middle, *closing]

    def _opening(self) -> Block:
        overall = self.writer.impression(OVERALL)
        choices = [*([overall] if overall else []), *self.kinds.normal()]
        return [self.rng.choice(choices)] if choices else []

    def _chosen(self, blocks: list[Block], room: int) -> list[Block]:
        """Blocks in a random order, one that points among them; the last may lose follow-ups."""
        self.rng.shuffle(blocks)
        if self.writer.grounded:
            blocks.sort(key=lambda block: not _points(block[:2]))
            first, rest = blocks[:1], blocks[1:]
            self.rng.shuffle(rest)
            blocks = first + rest
        chosen = []
        for block in blocks:
            chosen.append(block[:room])
            self._spare += block[:1] if not chosen[-1] else []
            room -= len(chosen[-1])
        chosen = [block for block in chosen if block]
        self.rng.shuffle(chosen)
        return chosen

    def _blocks(self, told: set[str]) -> Iterator[Block]:
        yield from self._findings(told)
        if self.writer.view.projection in ("PA", "AP"):
            yield list(self.writer.projection().rounds)
        if devices := self.writer.devices():
            yield [devices, *self.kinds.device_places()]
        yield from ([one] for one in self.kinds.sex())
        yield from ([one] for one in self.kinds.organs())
        yield from (list(topic.rounds) for topic in self.writer.regions())
        edited = self.writer.study.texts.get(EDITED, "")
        yield from ([one] for one in self.kinds.in_full(" ".join(edited.split())))

    def _findings(self, told: set[str]) -> Iterator[Block]:
        """Present and absent findings, none of them twice; some absent ones in pairs."""
        present = self._some("present", LONG.findings)
        absent = self._some("absent", LONG.negatives or 0)
        if len(absent) > 2 and self.rng.random() < 0.6:
            yield [self.kinds.either([absent.pop(), absent.pop()])]
        elif absent and len(present) > 1 and self.rng.random() < 0.5:
            yield [self.kinds.either([present.pop(), absent.pop()])]
        for name in present:
            yield self._present(name, name in told)
        for name in absent:
            explained = self.kinds.meaning(name, back=True) if self.rng.random() < 0.3 else ()
            yield [self.writer.no(name), *explained]
        for name in self._some("uncertain", 2):
            yield [self.kinds.maybe(name), *self.kinds.meaning(name, back=True)]

    def _present(self, name: str, told: bool) -> Block:
        """A finding with follow-ups; of one that was told already, at times those alone."""
        further = self.writer.follow_up(name)
        if not self.writer.grounded:
            self.rng.shuffle(further)
        if self.rng.random() < 0.4:
            further += self.kinds.meaning(name, back=not further)
        if told and further and self.rng.random() < 0.5:
            return [self.kinds.back_to(name, further[0]), *further[1:]]
        return [self.writer.yes(name), *further]

    def _some(self, status: Status, most: int) -> list[str]:
        """Names of a status in random order; general classes only where nothing else is."""
        names = self.kinds.named(status)
        specific = [name for name in names if name not in GENERAL] or names
        return self.rng.sample(specific, min(most, len(specific)))


def _told(rounds: Sequence[Round]) -> set[str]:
    """What was affirmed so far."""
    labels = (reply.target.labels.items() for _, reply in rounds if reply.target)
    return {name for items in labels for name, status in items if status == "present"}


def _points(block: Sequence[Round]) -> bool:
    return any(not isinstance(part, str) for _, reply in block for part in reply.parts)
