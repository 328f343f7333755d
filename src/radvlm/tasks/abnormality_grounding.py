"""Where one named abnormality is (RadVLM §3.1.3), or that it is not there."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Box, Example, Part, Study, View
from radvlm.tasks.asking import boxes_of, example, exchange, frontal_views, known
from radvlm.tasks.grounding import METRICS, REPLY, read_boxes, target_of
from radvlm.tasks.lexicon import canonical, mentions, spoken
from radvlm.tasks.wording import Phrasing, plain
from radvlm.vocabulary import NO_FINDING

QUESTION = Phrasing(
    "Where {is} the {}?",
    "Locate any {} on this image.",
    "Show me any {}.",
    "{is} {} visible, and where?",
    "Point to any {}.",
)
NOT_VISIBLE = Phrasing(
    "No {} {is} visible.",
    "There {is} no {}.",
    "I see no {} on this image.",
    "This image shows no {}.",
)


class AbnormalityGrounding:
    """One example a present finding with boxes, and as many (at most ``negatives``) absent ones."""

    name = "abnormality_grounding"
    metrics: tuple[str, ...] = METRICS

    def __init__(self, negatives: int = 2) -> None:
        self.negatives = negatives

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """Examples of each frontal view that has boxes of findings."""
        for view in frontal_views(study):
            found = boxes_of(study, view)
            absent = [
                name
                for name, status in known(study, view).items()
                if status == "absent" and name != NO_FINDING
            ]
            for name, boxes in found.items():
                yield self._example(study, view, rng, name, boxes)
            for name in rng.sample(absent, min(len(found), len(absent), self.negatives)):
                yield self._example(study, view, rng, name, ())

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """All boxes are of the finding asked for, whatever the reply calls it."""
        return read_boxes(parts, asked_name(plain(question)))

    def _example(
        self, study: Study, view: View, rng: random.Random, name: str, boxes: tuple[Box, ...]
    ) -> Example:
        words = spoken(name)
        reply = (REPLY if boxes else NOT_VISIBLE).parts(rng, words, boxes)
        turns = exchange(QUESTION.say(rng, words), reply, target_of(name, reply, boxes))
        return example(self.name, study, view, turns)


def asked_name(question: str) -> str:
    """The finding a question is about; in other words than ours, the one it mentions."""
    slot = QUESTION.slot(question)
    if slot is not None:
        return canonical(slot)
    return next((mention.name for mention in mentions(question)), "")
