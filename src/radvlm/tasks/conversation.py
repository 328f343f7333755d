"""Conversation (paper, §3.1.4): several questions about one image, some about earlier answers.

A study that brings dialogues (written by a text model) is asked those; else a template writer
draws rounds whose facts are known, present and absent ones alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Example, Finding, Part, Status, Study, Turn, View
from radvlm.tasks import rounds
from radvlm.tasks.classification import known_labels
from radvlm.tasks.wording import frontal_views, several
from radvlm.vocabulary import NO_FINDING, SUPPORT_DEVICES

MOST_ASKED = 2
"""Present findings asked about, and as many absent ones."""


class Conversation:
    """Rounds of questions; every checkable answer is a fact to be scored."""

    name = "conversation"
    metrics = ("fact_accuracy",)

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One conversation a frontal view, or each dialogue the study brings for it."""
        for view in frontal_views(study):
            brought = dialogues(study, view, grounded=False)
            for turns in brought or _written(study, view, rng):
                yield several(self.name, study, view, turns)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """The facts a reply states."""
        return rounds.read_round(parts, question)


def dialogues(study: Study, view: View, grounded: bool) -> list[tuple[Turn, ...]]:
    """The dialogues brought for a view, with boxes or without."""
    mine = [d.turns for d in study.dialogues if d.view in (None, view.id)]
    return [turns for turns in mine if _has_boxes(turns) == grounded]


def drawn_findings(study: Study, view: View, rng: random.Random) -> list[Finding]:
    """Present and absent findings to ask about, about half and half, in a drawn order."""
    known = known_labels(study, view)
    asked = [name for name in known if name not in (NO_FINDING, SUPPORT_DEVICES)]
    present = [name for name in asked if known[name] == "present"]
    absent = [name for name in asked if known[name] == "absent"]
    some = rng.sample(present, min(len(present), MOST_ASKED))
    others = rng.sample(absent, min(len(absent), max(1, len(some))))
    names = rng.sample(some + others, len(some) + len(others))
    by_name = {f.name: f for f in reversed(study.findings) if f.view in (None, view.id)}
    return [by_name[name] for name in names]


def _written(study: Study, view: View, rng: random.Random) -> list[tuple[Turn, ...]]:
    findings = drawn_findings(study, view, rng)
    if not findings:
        return []
    made: list[rounds.Round | None] = [rounds.view_round(view, rng)]
    for finding in findings:
        status: Status = "present" if finding.status == "present" else "absent"
        made.append(rounds.finding_round(finding.name, status, rng))
        if status == "present":
            made.append(rounds.side_round(finding))
    made.append(rounds.device_round(study, rng))
    if rng.random() < 0.3:
        made.append(rounds.definition_round([f.name for f in findings], rng))
    return [tuple(turn for one in made if one for turn in one)]


def _has_boxes(turns: Sequence[Turn]) -> bool:
    return any(not isinstance(part, str) for turn in turns for part in turn.parts)
