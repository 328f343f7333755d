"""Abnormality grounding (paper, §3.1.3): where is this finding, if it is there at all?

Unlike the published data, absent findings are asked about too: a model that has never met a
negative points at something whatever it is asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Box, Example, Part, Study, View
from radvlm.tasks.grounding import QUESTIONS, read_place, say_absent, say_place
from radvlm.tasks.labels import LEXICON
from radvlm.tasks.wording import filled, frontal_views, single, written
from radvlm.vocabulary import NO_FINDING, SUPPORT_DEVICES

MOST_NEGATIVES = 2


class AbnormalityGrounding:
    """Boxes of each present finding that has any, and as many absent ones, at most two."""

    name = "abnormality_grounding"
    metrics = ("ap50_by_name", "box_f1_50", "mean_iou")

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One example a finding."""
        for view in frontal_views(study):
            boxed = boxed_findings(study, view)
            for name, boxes in boxed.items():
                turn = say_place(rng, name, written(name), boxes)
                yield single(self.name, study, view, filled(rng, QUESTIONS, written(name)), turn)
            absent = absent_findings(study, view)
            for name in rng.sample(absent, min(len(absent), len(boxed), MOST_NEGATIVES)):
                turn = say_absent(rng, name, written(name))
                yield single(self.name, study, view, filled(rng, QUESTIONS, written(name)), turn)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """The boxes of the finding asked for, or that it is not visible."""
        return read_place(parts, question, LEXICON)


def boxed_findings(study: Study, view: View) -> dict[str, tuple[Box, ...]]:
    """Present findings of the view with all their boxes, in order of first mention."""
    found: dict[str, tuple[Box, ...]] = {}
    for finding in study.findings:
        if finding.view == view.id and finding.status == "present" and finding.boxes:
            found[finding.name] = found.get(finding.name, ()) + finding.boxes
    return found


def absent_findings(study: Study, view: View) -> list[str]:
    """Names known to be absent from the view, in order."""
    present = {f.name for f in study.findings if f.status != "absent"}
    names = [f.name for f in study.findings if f.view in (None, view.id) and f.name not in present]
    return [n for n in dict.fromkeys(names) if n not in (NO_FINDING, SUPPORT_DEVICES)]
