"""One radiograph → a reading: report, findings with boxes and confidences, contradictions.

The questions are the tasks' own: the report, the list of abnormalities, then for each listed one
where it is. Where report and list disagree, the reading says so instead of choosing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radvlm.errors import InputError
from radvlm.io.draw import PALETTE, draw_boxes
from radvlm.io.files import atomic_path
from radvlm.io.image import read_image
from radvlm.models.opening import open_model
from radvlm.protocols import Chat, Decoding, Model, Pixels
from radvlm.records import Answer, Box, Part, Turn
from radvlm.tasks import abnormality_grounding, classification, report
from radvlm.tasks.lexicon import spoken, with_article
from radvlm.vocabulary import CHEXPERT_13, NO_FINDING

NOTICE = "Research use only; not a medical device and not for diagnosis."
DECODING = Decoding(max_tokens=256)


@dataclass(frozen=True, slots=True)
class FoundFinding:
    """A finding the model lists: boxes as fractions of the image, confidence in 0…1.

    The confidence compares how likely the model finds "yes" and "no" when asked for the finding
    alone; it is not calibrated.
    """

    name: str
    boxes: tuple[Box, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says of one radiograph; ``scope`` and ``notice`` belong before everything."""

    scope: str
    notice: str
    model: str
    report: str
    findings: tuple[FoundFinding, ...]
    contradictions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Reader:
    """A model that reads whole radiographs: ``Reader(model).read("x.png")``."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def read(self, image: str | Path | Pixels) -> Reading:
        """Read a PNG, JPEG or DICOM file, or uint8 pixels [height, width].

        Raises:
            ImageError: the file cannot be read.
        """
        pixels = read_image(Path(image)) if isinstance(image, str | Path) else image
        written = self._ask(pixels, [report.QUESTION.templates[0]])[0]
        listed = self._ask(pixels, [classification.OPEN.templates[0]])[0]
        said = report.Report().read(written, ())
        names = self._names(listed)
        info = self.model.info
        return Reading(
            scope=info.scope,
            notice=NOTICE,
            model=f"{info.name}@{info.revision}",
            report=said.text,
            findings=self._findings(pixels, names),
            contradictions=contradictions(names, said),
        )

    def _names(self, listed: Sequence[Part]) -> list[str]:
        asked = (classification.OPEN.templates[0],)
        labels = classification.Classification().read(listed, asked).labels
        return [n for n, status in labels.items() if status == "present" and n != NO_FINDING]

    def _findings(self, pixels: Pixels, names: Sequence[str]) -> tuple[FoundFinding, ...]:
        if not names:
            return ()
        task = abnormality_grounding.AbnormalityGrounding()
        questions = [f"Where is the {spoken(name)}?" for name in names]
        answers = [
            task.read(parts, (question,))
            for parts, question in zip(self._ask(pixels, questions), questions, strict=True)
        ]
        sure = self._confidences(pixels, names)
        return tuple(
            FoundFinding(name, tuple(box for _, box, _ in answer.boxes), confidence)
            for name, answer, confidence in zip(names, answers, sure, strict=True)
        )

    def _confidences(self, pixels: Pixels, names: Sequence[str]) -> list[float]:
        """How likely yes is against no to "is there …?", for each name."""
        chats = [_chat(pixels, f"Is there {with_article(name)}?") for name in names]
        yes = [f"Yes, there is {with_article(name)}." for name in names]
        no = [f"No, there is no {spoken(name)}." for name in names]
        scored = self.model.logprobs(chats * 2, yes + no)
        sums = [sum(tokens) for tokens in scored]
        pairs = zip(sums[: len(names)], sums[len(names) :], strict=True)
        return [round(1 / (1 + math.exp(min(700.0, b - a))), 3) for a, b in pairs]

    def _ask(self, pixels: Pixels, questions: Sequence[str]) -> list[tuple[Part, ...]]:
        chats = [_chat(pixels, question) for question in questions]
        size = (pixels.shape[1], pixels.shape[0])
        replies = dict(self.model.answer(chats, DECODING))
        return [self.model.codec.parse(replies[k].text, size)[0] for k in range(len(chats))]


def open_reader(folder: Path) -> Reader:
    """The reader of a checkpoint folder; ``CheckpointError`` where it is none."""
    return Reader(open_model(folder))


def contradictions(names: Sequence[str], said: Answer) -> tuple[str, ...]:
    """Where the list of abnormalities and the report disagree, a sentence each."""
    against = [
        f"{n} is listed, but the report denies it" for n in names if said.labels.get(n) == "absent"
    ]
    beyond = [
        f"{n} is in the report, but not listed"
        for n in CHEXPERT_13
        if said.labels.get(n) == "present" and n not in names
    ]
    return (*against, *beyond)


def reading_as_text(reading: Reading) -> str:
    """The reading for a terminal."""
    lines = [reading.scope, reading.notice, "", f"report: {reading.report}", ""]
    for finding in reading.findings:
        places = ", ".join(
            f"[{b.x1:.2f}, {b.y1:.2f}, {b.x2:.2f}, {b.y2:.2f}]" for b in finding.boxes
        )
        lines.append(f"{finding.name}  confidence {finding.confidence:.2f}  {places or 'no box'}")
    lines += [f"contradiction: {text}" for text in reading.contradictions]
    return "\n".join(lines if reading.findings else [*lines, "no abnormality listed"])


def draw_reading(reading: Reading, image: Path, target: Path) -> None:
    """Write a PNG of the radiograph with the boxes of the findings.

    Raises:
        InputError: ``target`` does not end in ``.png``.
        OutputError: it cannot be written.
    """
    if target.suffix.lower() != ".png":
        raise InputError("pictures are written as PNG", target, "Choose a name ending in .png")
    boxes = [
        (finding.name, box, PALETTE[k % len(PALETTE)])
        for k, finding in enumerate(reading.findings)
        for box in finding.boxes
    ]
    with atomic_path(target) as aside:
        draw_boxes(read_image(image), boxes).save(aside, format="PNG")


def _chat(pixels: Pixels, question: str) -> Chat:
    return Chat((pixels,), (Turn("user", (question,)),))
