"""Grounded conversation (paper, §3.1.4): a conversation in which some answers are boxes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Example, Part, Status, Study, Turn, View
from radvlm.tasks import rounds
from radvlm.tasks.conversation import dialogues, drawn_findings
from radvlm.tasks.wording import frontal_views, several


class GroundedConversation:
    """Rounds about findings and regions, at least one of them answered with a box."""

    name = "grounded_conversation"
    metrics = ("fact_accuracy", "box_f1_50")

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One conversation a frontal view that has boxes, or each grounded dialogue brought."""
        for view in frontal_views(study):
            brought = dialogues(study, view, grounded=True)
            for turns in brought or _written(study, view, rng):
                yield several(self.name, study, view, turns)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """The facts a reply states and the boxes it points at."""
        return rounds.read_round(parts, question)


def _written(study: Study, view: View, rng: random.Random) -> list[tuple[Turn, ...]]:
    made: list[rounds.Round | None] = []
    for finding in drawn_findings(study, view, rng):
        status: Status = "present" if finding.status == "present" else "absent"
        made.append(rounds.finding_round(finding.name, status, rng))
        if status == "present" and finding.boxes:
            made.append(rounds.where_round(finding, rng))
    made.append(rounds.region_round(study, view, rng))
    turns = tuple(turn for one in made if one for turn in one)
    grounded = any(not isinstance(part, str) for turn in turns for part in turn.parts)
    return [turns] if grounded else []
