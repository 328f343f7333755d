"""Abnormality detection (paper, §3.1.3): find and locate everything abnormal."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Box, Example, Part, Status, Study, Turn
from radvlm.tasks.abnormality_grounding import absent_findings, boxed_findings
from radvlm.tasks.labels import LEXICON, read_labels
from radvlm.tasks.wording import capital, frontal_views, single, written

QUESTIONS = (
    "Find and locate all abnormalities.",
    "Where are the abnormalities?",
    "Mark everything abnormal.",
    "Detect all findings.",
)
NOTHING = ("No abnormality is seen.", "There is nothing to mark.")
_NOTHING_SAID = re.compile(r"\b(?:no|nothing)\b", re.IGNORECASE)


class AbnormalityDetection:
    """All present findings with boxes, of studies that are annotated with boxes or all negative."""

    name = "abnormality_detection"
    metrics = ("box_f1_50", "ap50_by_name")

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """One example a frontal view whose annotation is known to be complete."""
        for view in frontal_views(study):
            boxed = boxed_findings(study, view)
            negative = bool(absent_findings(study, view)) and not _any_present(study)
            if boxed or negative:
                turn = _say(boxed, rng)
                yield single(self.name, study, view, rng.choice(QUESTIONS), turn)

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """Each box under the finding last named before it; unreadable without box or denial."""
        found: list[tuple[str, Box, None]] = []
        name = ""
        for part in parts:
            if isinstance(part, str):
                name = _last_name(part) or name
            else:
                found += [(name, box, None) for box in part]
        text = "".join(part for part in parts if isinstance(part, str)).strip()
        readable = bool(found) or bool(_NOTHING_SAID.search(text))
        labels: dict[str, Status] = dict.fromkeys((name for name, _, _ in found), "present")
        return Answer(text, labels, tuple(found), readable)


def _say(boxed: dict[str, tuple[Box, ...]], rng: random.Random) -> Turn:
    if not boxed:
        text = rng.choice(NOTHING)
        return Turn("assistant", (text,), Answer(text))
    parts: list[Part] = []
    for name, boxes in boxed.items():
        words = written(name) if parts else capital(written(name))
        parts += [f"; {words} at " if parts else f"{words} at ", boxes]
    target = tuple((name, box, None) for name, boxes in boxed.items() for box in boxes)
    labels: dict[str, Status] = dict.fromkeys(boxed, "present")
    return Turn("assistant", (*parts, "."), Answer(labels=labels, boxes=target))


def _last_name(text: str) -> str:
    """The finding named last, of the known ones or as the words before ``at``."""
    piece = re.split(r"[;.]", text)[-1]
    known = list(read_labels(piece, LEXICON))
    if known:
        lower = piece.lower()
        exact = [name for name in known if name.lower() in lower]
        return (exact or known)[-1]
    words = re.sub(r"\bat\b.*", "", piece).split()
    return " ".join(capital(word) for word in words)


def _any_present(study: Study) -> bool:
    return any(f.status == "present" and f.name != "No Finding" for f in study.findings)
