"""Where an anatomical region is (RadVLM §3.1.3); now and then one that the image does not show."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Box, Example, Part, Study, View
from radvlm.tasks.asking import example, exchange, frontal_views
from radvlm.tasks.grounding import METRICS, REPLY, read_boxes, target_of
from radvlm.tasks.wording import Phrasing, plain
from radvlm.vocabulary import REGIONS_29

QUESTION = Phrasing(
    "Where {is} the {}?",
    "Find the {}.",
    "Locate the {} on this image.",
    "Show me the {}.",
    "Where can I see the {}?",
    "Point to the {}.",
)
NOT_VISIBLE = Phrasing(
    "The {} {is} not visible on this image.",
    "The {} {is} not shown here.",
    "This image does not show the {}.",
    "I cannot see the {}: not visible.",
)


class AnatomicalGrounding:
    """One example a region, ``per_view`` regions drawn for each view (all, where it is 0).

    One question in ``1 / absent_share`` is added about a region of the 29 that has no box, if the
    view has boxes for at least ``MIN_REGIONS``: with fewer, a missing box says little. With
    ``only_29``, regions of other names (Chest ImaGenome gives boxes for 36) are not asked for.
    """

    name = "anatomical_grounding"
    metrics: tuple[str, ...] = METRICS

    MIN_REGIONS = 10

    def __init__(
        self, per_view: int | None = 6, absent_share: float = 0.05, only_29: bool = True
    ) -> None:
        self.per_view = per_view
        self.absent_share = absent_share
        self.only_29 = only_29

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """Examples of the regions drawn for each frontal view."""
        for view in frontal_views(study):
            boxes = {
                region.name: region.box
                for region in study.regions
                if region.view == view.id and (region.name in REGIONS_29 or not self.only_29)
            }
            drawn = rng.sample(sorted(boxes), min(self.per_view or len(boxes), len(boxes)))
            missing = [name for name in REGIONS_29 if name not in boxes]
            for name in drawn:
                yield self._example(study, view, rng, name, (boxes[name],))
                rare = rng.random() < self.absent_share
                if rare and missing and len(boxes) >= self.MIN_REGIONS:
                    yield self._example(study, view, rng, rng.choice(missing), ())

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """All boxes are of the region asked for, whatever the reply calls it."""
        return read_boxes(parts, QUESTION.slot(plain(question)) or "")

    def _example(
        self, study: Study, view: View, rng: random.Random, name: str, boxes: tuple[Box, ...]
    ) -> Example:
        reply = (REPLY if boxes else NOT_VISIBLE).parts(rng, name, boxes)
        turns = exchange(QUESTION.say(rng, name), reply, target_of(name, reply, boxes))
        return example(self.name, study, view, turns)
