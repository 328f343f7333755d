"""The records every stage reads and writes; nothing else is shared between stages.

All are frozen and hold no behaviour beyond their own invariants. Coordinates are fractions of the
original image, origin top left, so a box means the same for every model and image size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from radvlm.errors import RecordError

Status = Literal["present", "absent", "uncertain"]
Access = Literal["open", "credentialed", "private"]
Split = Literal["train", "validate", "test"]
Role = Literal["system", "user", "assistant"]
Projection = Literal["PA", "AP", "FRONTAL", "LATERAL", "OTHER", "UNKNOWN"]

FRONTAL: frozenset[Projection] = frozenset({"PA", "AP", "FRONTAL"})
"""Projections counted as frontal; ``FRONTAL`` itself means PA or AP, not recorded which."""

ACCESS_ORDER: tuple[Access, ...] = get_args(Access)
"""From the most open to the most closed; a derived file has the most closed of its parts."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle as fractions of the original image: 0 ≤ x1 < x2 ≤ 1, likewise y.

    Raises:
        RecordError: the corners are inverted, equal, not finite or outside the image.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        if not (0 <= self.x1 < self.x2 <= 1 and 0 <= self.y1 < self.y2 <= 1):
            corners = f"({self.x1}, {self.y1}, {self.x2}, {self.y2})"
            raise RecordError(f"box {corners} is inverted, empty or outside the image")


@dataclass(frozen=True, slots=True)
class View:
    """One radiograph of a study; ``path`` refers to the file, pixels are never copied."""

    id: str
    path: str
    projection: Projection = "UNKNOWN"
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of one abnormality or device, by whom (``origin``), and where.

    ``view`` is the view the boxes belong to; a finding of the whole study has none.
    """

    name: str
    status: Status
    origin: str
    view: str | None = None
    boxes: tuple[Box, ...] = ()
    phrase: str | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        if self.boxes and (self.view is None or self.status == "absent"):
            raise RecordError(
                "a finding with boxes needs a view and cannot be absent", f"finding {self.name}"
            )


@dataclass(frozen=True, slots=True)
class Region:
    """An anatomical region of one view."""

    name: str
    view: str
    box: Box


Part = str | tuple[Box, ...]
"""A piece of a turn: text, or boxes that belong at that place of the text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply says, once read; also the type of a target.

    ``labels`` maps a finding's name to its status, ``boxes`` holds (name, box, confidence or none)
    in the order given, ``probabilities`` how likely a name is present, 0…1. ``readable`` is false
    where a reply could not be understood at all, and ``mended`` true where it could only after a
    repair (swapped corners, a stray full stop).
    """

    text: str = ""
    labels: Mapping[str, Status] = field(default_factory=dict)
    boxes: tuple[tuple[str, Box, float | None], ...] = ()
    readable: bool = True
    mended: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a chat. ``target`` is what an assistant turn is scored against."""

    role: Role
    parts: tuple[Part, ...]
    target: Answer | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation somebody wrote about one view (or the whole study, where ``view`` is none)."""

    turns: tuple[Turn, ...]
    origin: str
    view: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """All that is known of one examination, whoever said it.

    ``family`` names the population that shares patients (everything derived from MIMIC-CXR is one
    family); (family, patient) is the leak key. ``sources`` says which data sets spoke.
    """

    family: str
    sources: tuple[str, ...]
    id: str
    patient: str | None
    split: Split | None
    access: Access
    views: tuple[View, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    regions: tuple[Region, ...] = ()
    dialogues: tuple[Dialogue, ...] = ()
    sex: str | None = None
    age: float | None = None
    prior: str | None = None

    def __post_init__(self) -> None:
        known = {view.id for view in self.views}
        if len(known) != len(self.views):
            raise RecordError("two views have the same id", f"study {self.id}")
        named = {f.view for f in self.findings} | {r.view for r in self.regions}
        named |= {d.view for d in self.dialogues}
        if unknown := named - known - {None}:
            raise RecordError(f"no view called {sorted(map(str, unknown))[0]}", f"study {self.id}")


@dataclass(frozen=True, slots=True)
class Example:
    """One instruction: the views it is about and the turns to learn or to answer.

    ``sex`` (F or M) and ``age`` (years) are the patient's where they are known; figures are given
    for groups of them, and no model is told.
    """

    id: str
    task: str
    source: str
    family: str
    patient: str | None
    split: Split
    access: Access
    views: tuple[View, ...]
    turns: tuple[Turn, ...]
    sex: str | None = None
    age: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote in one turn. ``seconds`` is the time it took, ``finish`` why it ended.

    ``token_ends`` are the characters of ``text`` before which its tokens end, one for each of
    ``token_logprobs``.
    """

    text: str
    tokens: int
    finish: Literal["stop", "length", "error"]
    seconds: float
    token_logprobs: tuple[float, ...] | None = None
    token_ends: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's replies to one example, one a user turn; ``error`` says why there are none.

    ``probabilities`` are those of labels, 0…1, where the model was asked for them.
    """

    example: str
    sample: int
    model: str
    revision: str
    codec: str
    replies: tuple[Reply, ...]
    error: str | None = None
    probabilities: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A figure that says what it is; ``interval`` is 95 % by patient.

    ``note`` says why there is no value: ``not run: weights missing``, ``failed: TypeError``.
    """

    key: str
    value: float | None
    interval: tuple[float, float] | None
    n_total: int
    n_scored: int
    n_failed: int
    note: str | None = None
