"""Report generation (paper, §3.1.1): an image → its findings in prose."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Example, Part, Study, Turn
from radvlm.tasks.labels import LEXICON, read_labels
from radvlm.tasks.wording import frontal_views, single, text_of

SECTIONS = ("findings.curated", "findings", "impression", "last_paragraph")
"""The first of these that is there is the report, as in the paper."""

QUESTIONS = (
    "Write the report.",
    "Describe this radiograph.",
    "Report the findings.",
    "What does this radiograph show?",
)


class Report:
    """The whole report; scored by its words and, lexically, by the labels they mention."""

    name = "report"
    metrics = ("rouge_l", "report_label_f1")

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One example a frontal view of a study that has a report."""
        text = next((study.texts[s] for s in SECTIONS if study.texts.get(s, "").strip()), None)
        if text is None:
            return
        text = " ".join(text.split())
        for view in frontal_views(study):
            turn = Turn("assistant", (text,), self.read((text,), ()))
            yield single(self.name, study, view, rng.choice(QUESTIONS), turn)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """The text and the labels it mentions; an empty reply is unreadable."""
        text = text_of(parts).strip()
        return Answer(text, read_labels(text, LEXICON), readable=bool(text))
