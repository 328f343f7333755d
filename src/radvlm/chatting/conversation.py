"""What a conversation in the terminal holds: image, window, turns, reading, edits, draft.

The model is shown the image once, as it stands in the file; window and inversion change what a
person sees, never what the model sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from radvlm.errors import InputError
from radvlm.io.image import read_image, read_stored
from radvlm.io.window import Window
from radvlm.models.domain import Domain
from radvlm.protocols import Chat, Decoding, Model, Pixels
from radvlm.reading import FoundFinding, Reader, Reading, Shot, read_shot
from radvlm.records import Box, Part, Status, Turn
from radvlm.serve.scope import beyond
from radvlm.tasks.lexicon import spoken

GENERAL = (
    ("report", "Write a report of this radiograph."),
    ("classification", "Which abnormalities do you see?"),
    ("anatomical_grounding", "Where is the heart?"),
)
HERE = "What is here?"


class Conversation:
    """One image and what has been said of it so far.

    Args:
        model: what answers.
        image: PNG, JPEG or DICOM.
        domain: what the model's training images look like, where that is known.

    Raises:
        ImageError: the image cannot be read.
    """

    def __init__(self, model: Model, image: Path, domain: Domain | None = None) -> None:
        self.model, self._reader = model, Reader(model, domain)
        self.pixels, self.stored = read_stored(image)
        self._projection = _projection(image)
        self.prior: Pixels | None = None
        self.window: Window | None = None
        self.inverted = False
        self.turns: tuple[Turn, ...] = ()
        self.reading: Reading | None = None
        self.edited: dict[str, Status] = {}
        self.draft = ""

    def ask(self, question: str, box: Box | None = None) -> Iterator[str]:
        """The reply, piece by piece; at its end question and reply join the conversation."""
        parts: tuple[Part, ...] = (question,) if box is None else (f"{question} ", (box,))
        turns = (*self.turns, Turn("user", parts))
        said = beyond(question, bool(self.turns) or box is not None, self.model.info.tasks)
        pieces = iter([said]) if said else self._stream(turns)
        text = ""
        for piece in pieces:
            text += piece
            yield piece
        height, width = self.pixels.shape
        reply, _ = self.model.codec.parse(text.strip(), (width, height))
        self.turns = (*turns, Turn("assistant", reply))

    def _stream(self, turns: tuple[Turn, ...]) -> Iterator[str]:
        earlier = () if self.prior is None or not self.reads_priors else (self.prior,)
        return self.model.stream(Chat((*earlier, self.pixels), turns), Decoding())

    @property
    def reads_priors(self) -> bool:
        """Whether the model takes several images."""
        return self.model.info.max_images > 1

    def last_boxes(self) -> list[Box]:
        """The boxes of the last reply, in order."""
        parts = self.turns[-1].parts if self.turns else ()
        return [box for part in parts if isinstance(part, tuple) for box in part]

    def read(self, force: bool) -> Reading:
        """Read the image; the report becomes the draft unless a person has begun one."""
        untouched = self.draft in {"", self.reading.report if self.reading else ""}
        shot = Shot(self.pixels, self._projection)
        self.reading = read_shot(self._reader, shot, force=force)
        self.edited = {}
        if untouched:
            self.draft = self.reading.report
        return self.reading

    def findings(self) -> list[tuple[FoundFinding, bool]]:
        """The reading's findings with a person's changes, and whether each was changed."""
        found = self.reading.findings if self.reading else ()
        return [
            (one.model_copy(update={"status": self.edited.get(one.name, one.status)}),
             one.name in self.edited)
            for one in found
        ]  # fmt: skip

    def edit(self, number: int, status: Status) -> FoundFinding:
        """Change the status of the finding of that number, counted from 1.

        Raises:
            InputError: there is none.
        """
        found = self.reading.findings if self.reading else ()
        if not 1 <= number <= len(found):
            raise InputError("there is no finding of that number", remedy="See /findings")
        one = found[number - 1]
        self.edited.pop(one.name, None)
        if status != one.status:
            self.edited[one.name] = status
        return one

    def seen(self) -> Pixels:
        """The image as a person wants to see it."""
        pixels = self.pixels
        if self.window is not None and self.stored is not None:
            pixels = self.stored.shown(self.window)
        return 255 - pixels if self.inverted else pixels

    def set_window(self, window: Window | None) -> None:
        """Look through a window; None is the file's own.

        Raises:
            InputError: the image has 8 bits.
        """
        if window is not None and self.stored is None:
            raise InputError("a picture of 8 bits has no window")
        self.window = window

    def set_prior(self, image: Path) -> None:
        """Show an earlier image beside; models of several images are given it as well."""
        self.prior = read_image(image)

    def suggestions(self) -> list[str]:
        """Questions worth asking now, those about what was found first."""
        found = [one.name for one, _ in self.findings() if one.status == "present"]
        tasks = self.model.info.tasks
        asked = [f"Where is the {spoken(name)}?" for name in found[:4]]
        return asked + [text for task, text in GENERAL if not tasks or task in tasks]

    def as_json(self) -> dict[str, Any]:
        """Draft, reading with a person's changes, and which findings were changed."""
        reading = self.reading.to_json() if self.reading else None
        for one in reading["findings"] if reading else ():
            one["status"] = self.edited.get(one["name"], one["status"])
        about = self.model.info
        return {
            "scope": about.scope,
            "model": about.name,
            "report": self.draft,
            "reading": reading,
            "changed_by_a_person": sorted(self.edited),
        }


def _projection(image: Path) -> str | None:
    with image.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return None
    from radvlm.io.dicom import dicom_header

    return dicom_header(image).projection
