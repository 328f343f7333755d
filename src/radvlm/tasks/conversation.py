"""Conversations about an image without boxes (RadVLM §3.1.4)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Example, Part, Study, Turn, View
from radvlm.tasks.asking import example, frontal_views
from radvlm.tasks.dialogue import write_dialogue
from radvlm.tasks.facts import read_turn


class Conversation:
    """The study's own dialogues about a view; where it has none, one written from templates.

    With ``written`` false, only its own.
    """

    name = "conversation"
    metrics: tuple[str, ...] = ("fact_accuracy",)

    _grounded = False

    def __init__(self, written: bool = True) -> None:
        self.written = written

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One example a dialogue of each frontal view."""
        for view in frontal_views(study):
            own = [d for d in _dialogues(study, view) if _points(d) == self._grounded]
            if not own and self.written:
                own = [write_dialogue(study, view, rng, grounded=self._grounded)]
            for turns in filter(None, own):
                yield example(self.name, study, view, turns)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """The facts of one reply about what was asked, and its boxes."""
        return read_turn(parts, question)


def _dialogues(study: Study, view: View) -> Iterator[tuple[Turn, ...]]:
    return (d.turns for d in study.dialogues if d.view in (None, view.id))


def _points(turns: Sequence[Turn]) -> bool:
    return any(not isinstance(part, str) for turn in turns for part in turn.parts)
