"""Anatomical grounding (paper, §3.1.3): where is this region?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Example, Part, Study
from radvlm.tasks.grounding import QUESTIONS, read_place, say_absent, say_place
from radvlm.tasks.wording import filled, frontal_views, single, written
from radvlm.vocabulary import REGIONS_29

ABSENT_SHARE = 0.05
"""Of the questions, how many ask for a region that is not on the image."""
ENOUGH_REGIONS = 10
"""With fewer regions annotated, a missing one may be there all the same."""


class AnatomicalGrounding:
    """Boxes of the 29 regions; ``per_view`` of them drawn a view, all where it is 0."""

    name = "anatomical_grounding"
    metrics = ("ap50_by_name", "box_f1_50", "mean_iou")

    def __init__(self, per_view: int = 6) -> None:
        self.per_view = per_view

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One example a region drawn; a few ask for one that is not visible."""
        for view in frontal_views(study):
            boxes = {r.name: r.box for r in study.regions if r.view == view.id}
            count = min(self.per_view or len(boxes), len(boxes))
            missing = [name for name in REGIONS_29 if name not in boxes]
            for name in rng.sample(list(boxes), count):
                hidden = len(boxes) >= ENOUGH_REGIONS and missing and rng.random() < ABSENT_SHARE
                if hidden:
                    name = rng.choice(missing)
                    turn = say_absent(rng, name, written(name))
                else:
                    turn = say_place(rng, name, written(name), (boxes[name],))
                yield single(self.name, study, view, filled(rng, QUESTIONS, written(name)), turn)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """The boxes of the region asked for, or that it is not visible."""
        return read_place(parts, question, REGIONS_29)
