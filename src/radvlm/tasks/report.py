"""Writing the report of an image (RadVLM §3.1.1)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

from radvlm.records import Answer, Example, Part, Status, Study
from radvlm.tasks.asking import example, exchange, frontal_views, known
from radvlm.tasks.labels import read_labels
from radvlm.tasks.wording import Phrasing, plain
from radvlm.vocabulary import CHEXPERT_14

QUESTION = Phrasing(
    "Write a report of this radiograph.",
    "Describe this chest radiograph.",
    "What are the findings on this image?",
    "Please report this image.",
    "Give me a radiology report.",
    "Report the findings.",
)
SECTIONS = ("findings.curated", "findings", "impression", "last_paragraph")


class Report:
    """One example a frontal view of a study with a report, or one a study about its first.

    The target's labels are the study's own, of the names the reference text speaks of: of the
    others the text says nothing that a reply could be held to. Texts to train on are not read for
    that, which would take ten times as long as everything else. ``sections`` are tried in order.
    With ``per`` "study" a study counts once, as on ReXrank, however many frontal views it has.
    """

    name = "report"
    metrics: tuple[str, ...] = ("rouge_l", "report_label_f1")

    def __init__(
        self, sections: Sequence[str] = SECTIONS, per: Literal["view", "study"] = "view"
    ) -> None:
        self.sections = tuple(sections)
        self.most = 1 if per == "study" else None

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """Examples with the first of the wanted sections that the report has."""
        text = reference(study.texts, self.sections)
        for view in islice(frontal_views(study), self.most):
            if text:
                labels = {} if study.split == "train" else _held_to(text, known(study, view))
                turns = exchange(QUESTION.say(rng), (text,), Answer(text, labels))
                yield example(self.name, study, view, turns)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """The text and the labels it speaks of; unreadable only where there is no text."""
        text = plain(parts)
        return Answer(text, read_labels(text, CHEXPERT_14), readable=bool(text))


def _held_to(text: str, statuses: Mapping[str, Status]) -> dict[str, Status]:
    said = read_labels(text, CHEXPERT_14)
    return {n: s for n, s in statuses.items() if n in said and s != "uncertain"}


def reference(texts: Mapping[str, str], sections: Sequence[str] = SECTIONS) -> str:
    """The section a model learns to write, white space evened out; empty where there is none."""
    found = (" ".join(texts.get(name, "").split()) for name in sections)
    return next(filter(None, found), "")
