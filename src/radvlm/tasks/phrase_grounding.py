"""Phrase grounding (paper, §3.1.3): where is what this sentence of a report describes?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Example, Part, Study
from radvlm.tasks.grounding import read_place, say_place
from radvlm.tasks.labels import LEXICON, read_labels
from radvlm.tasks.wording import filled, frontal_views, single, text_of, written

QUESTIONS = ("Where is this: {}", "Locate this: {}", "Show where this is seen: {}")


class PhraseGrounding:
    """Boxes of the findings that a sentence describes."""

    name = "phrase_grounding"
    metrics = ("ap50_by_name", "box_f1_50", "mean_iou")

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One example a finding with a sentence and boxes on the view."""
        for view in frontal_views(study):
            for finding in study.findings:
                if finding.phrase and finding.boxes and finding.view == view.id:
                    turn = say_place(rng, finding.name, "finding", finding.boxes)
                    asked = filled(rng, QUESTIONS, finding.phrase)
                    yield single(self.name, study, view, asked, turn)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """The boxes, under the name the phrase describes where it is a known one."""
        known = list(read_labels(text_of(question), LEXICON))
        name = (written(known[0]),) if known else ()
        answer = read_place(parts, name, LEXICON)
        return answer
