"""One radiograph → a reading, by composing the tasks a model was taught.

The report; its sentences, and where each that calls something present is seen; the list of
abnormalities; where each is; the main regions. Questions are the tasks' own, those a checkpoint was
not taught are left out, and each kind goes to the model as one batch. Where the answers disagree,
the reading says so instead of choosing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from radvlm import __version__
from radvlm.confidences import with_confidences
from radvlm.errors import IncompleteError, InputError
from radvlm.io.image import read_image
from radvlm.models.domain import Domain, read_domain
from radvlm.models.opening import open_model
from radvlm.protocols import Chat, Decoding, Model, Pixels, Task
from radvlm.reading.contradictions import contradictions, side_of_boxes
from radvlm.reading.record import FoundFinding, ImageSize, Reading, RegionPlace, Sentence
from radvlm.records import Answer, Reply, Status, Turn
from radvlm.tasks import (
    abnormality_grounding,
    anatomical_grounding,
    classification,
    phrase_grounding,
    report,
)
from radvlm.tasks.facts import side_of
from radvlm.tasks.labels import read_labels
from radvlm.tasks.lexicon import spoken
from radvlm.vocabulary import CHEXPERT_13, NO_FINDING
from radvlm.yes_no import label_probabilities

MAIN_REGIONS = ("right lung", "left lung", "cardiac silhouette", "mediastinum")
_FIRST: tuple[Status, ...] = ("present", "uncertain", "absent")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
DECODING = Decoding(max_tokens=256, logprobs=True)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the questions brought: of sentences and names by their text."""

    report: Answer
    listed: tuple[str, ...]
    phrases: Mapping[str, Answer]
    places: Mapping[str, Answer]
    regions: Mapping[str, Answer]
    odds: Mapping[str, float]


class Reader:
    """A model that reads whole radiographs: ``Reader(model).read("x.png")``.

    Args:
        model: anything that answers.
        domain: what its training images look like, where that is known.
    """

    def __init__(self, model: Model, domain: Domain | None = None) -> None:
        self.model, self.domain = model, domain

    def read(self, image: str | Path | Pixels, *, force: bool = False) -> Reading:
        """Read a PNG, JPEG or DICOM file, or uint8 pixels [height, width].

        With ``force`` an image unlike those of the training is read all the same, and marked.

        Raises:
            ImageError: the file cannot be read.
            IncompleteError: a served model left a question without an answer.
        """
        pixels = read_image(Path(image)) if isinstance(image, str | Path) else image
        refusal = self._refusal(pixels)
        if refusal and not force:
            return self.refused(pixels, refusal)
        found = self._written(self._about(pixels), self._ask_all(pixels))
        if refusal:
            return found.model_copy(update={"refusal": refusal, "forced": True})
        return found

    def refused(self, pixels: Pixels, why: str) -> Reading:
        """The reading of an image that nothing is asked about."""
        return self._about(pixels).model_copy(update={"accepted": False, "refusal": why})

    def _refusal(self, pixels: Pixels) -> str | None:
        if self.domain is None or self.domain.accepts(pixels):
            return None
        far = self.domain.distance(pixels) / self.domain.threshold
        return f"this image is unlike those the model was trained on ({far:.1f} × the limit)"

    def _about(self, pixels: Pixels) -> Reading:
        info = self.model.info
        height, width = pixels.shape
        return Reading(
            scope=info.scope,
            model=info.name,
            revision=info.revision,
            radvlm=__version__,
            image=ImageSize(width=width, height=height),
        )

    def _ask_all(self, pixels: Pixels) -> _Said:
        """Three rounds: report, list and regions; then what these speak of; then yes or no."""
        first = report.QUESTION.templates[0], classification.OPEN.templates[0]
        regions = MAIN_REGIONS if self._taught("anatomical_grounding") else ()
        where = [anatomical_grounding.QUESTION.templates[1].format(name) for name in regions]
        asked: list[tuple[Task, str]] = [
            (report.Report(), first[0]),
            (classification.Classification(), first[1]),
            *((anatomical_grounding.AnatomicalGrounding(), question) for question in where),
        ]
        written, listed, *found = self._answers(pixels, asked)
        names = [n for n, status in listed.labels.items() if status == "present"]
        names = [n for n in names if n != NO_FINDING]
        told = [n for n, status in _told(written.text).items() if status == "present"]
        spoken_of = list(dict.fromkeys([*names, *told]))
        seen = [one for one in _split(written.text) if "present" in _told(one).values()]
        places, phrases = self._where(pixels, spoken_of, seen)
        return _Said(
            report=written,
            listed=tuple(names),
            phrases=phrases,
            places=places,
            regions=dict(zip(regions, found, strict=True)),
            odds=self._odds(pixels, spoken_of),
        )

    def _where(
        self, pixels: Pixels, names: Sequence[str], seen: Sequence[str]
    ) -> tuple[dict[str, Answer], dict[str, Answer]]:
        """Places of findings by name, and of sentences by their text."""
        names = names if self._taught("abnormality_grounding") else ()
        seen = seen if self._taught("phrase_grounding") else ()
        asked: list[tuple[Task, str]] = [
            (abnormality_grounding.AbnormalityGrounding(), f"Where is the {spoken(name)}?")
            for name in names
        ]
        asked += [
            (phrase_grounding.PhraseGrounding(), phrase_grounding.QUESTION.templates[0].format(one))
            for one in seen
        ]
        answers = self._answers(pixels, asked)
        return dict(zip(names, answers, strict=False)), dict(
            zip(seen, answers[len(names) :], strict=True)
        )

    def _taught(self, task: str) -> bool:
        """A card that names no tasks has not been filled in; then everything is asked."""
        return not self.model.info.tasks or task in self.model.info.tasks

    def _answers(self, pixels: Pixels, asked: Sequence[tuple[Task, str]]) -> list[Answer]:
        """What the model says to each question, as one batch, with confidences of its boxes."""
        chats = [Chat((pixels,), (Turn("user", (question,)),)) for _, question in asked]
        replies = dict(self.model.answer(chats, DECODING)) if chats else {}
        if any(reply.finish == "error" for reply in replies.values()):
            raise IncompleteError("the model did not answer every question of a reading")
        size = (pixels.shape[1], pixels.shape[0])
        return [self._read(task, q, replies[k], size) for k, (task, q) in enumerate(asked)]

    def _read(self, task: Task, question: str, reply: Reply, size: tuple[int, int]) -> Answer:
        parts, _ = self.model.codec.parse(reply.text, size)
        return with_confidences(task.read(parts, (question,)), reply, self.model.codec, size)

    def _odds(self, pixels: Pixels, names: Sequence[str]) -> dict[str, float]:
        try:
            return label_probabilities(self.model, (pixels,), names) if names else {}
        except InputError:
            return {}  # endpoints score no given text, and the reading then has no confidence

    def _written(self, plain: Reading, said: _Said) -> Reading:
        spoken_of = _told(said.report.text)
        lines = tuple(_sentence(one, said.phrases.get(one)) for one in _split(said.report.text))
        statuses: dict[str, Status] = {**spoken_of, **dict.fromkeys(said.listed, "present")}
        named = sorted(statuses, key=lambda name: _FIRST.index(statuses[name]))
        findings = tuple(_finding(name, statuses[name], lines, said) for name in named)
        found = plain.model_copy(
            update={
                "report": said.report.text,
                "sentences": lines,
                "findings": findings,
                "regions": _regions(said.regions),
            }
        )
        against = contradictions(found, said.listed, spoken_of)
        return found.model_copy(update={"contradictions": against})


def open_reader(folder: Path) -> Reader:
    """The reader of a checkpoint folder; ``CheckpointError`` where it is none."""
    return Reader(open_model(folder), read_domain(folder))


def _told(text: str) -> dict[str, Status]:
    """What a text says of the labels."""
    return read_labels(text, CHEXPERT_13, broaden=False)


def _split(text: str) -> list[str]:
    """The sentences as they stand; ``tasks.clauses`` splits finer, and in small letters."""
    return [one for one in _SENTENCE_END.split(text.strip()) if one]


def _sentence(text: str, answer: Answer | None) -> Sentence:
    names = tuple(name for name, status in _told(text).items() if status == "present")
    boxes = tuple(box for _, box, _ in answer.boxes) if answer else ()
    return Sentence(text=text, findings=names, boxes=boxes)


def _finding(name: str, status: Status, lines: Sequence[Sentence], said: _Said) -> FoundFinding:
    about = next((k for k, line in enumerate(lines) if name in _told(line.text)), None)
    answer = said.places.get(name)
    boxes = answer.boxes if answer is not None and status == "present" else ()
    places = [box for _, box, _ in boxes]
    text = "" if about is None else lines[about].text
    side = side_of(text) if name in _told(text) else None
    return FoundFinding(
        name=name,
        status=status,
        side=side or side_of_boxes(places),
        boxes=tuple(places),
        box_confidences=tuple(None if c is None else round(c, 4) for _, _, c in boxes),
        confidence=None if name not in said.odds else round(said.odds[name], 4),
        sentence=about,
    )


def _regions(answers: Mapping[str, Answer]) -> tuple[RegionPlace, ...]:
    return tuple(
        RegionPlace(name=name, box=box, confidence=None if sure is None else round(sure, 4))
        for name, answer in answers.items()
        for _, box, sure in answer.boxes[:1]
    )
