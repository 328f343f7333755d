"""The form of the answers, as ``/openapi.json`` describes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from radvlm.records import Access


class Failure(BaseModel):
    """What failed; holds no path, no address and nothing of a file."""

    message: str
    type: str
    code: int


class Failed(BaseModel):
    """An error in OpenAI's form."""

    error: Failure


class Told(BaseModel):
    """Text and boxes of a reply in order, boxes as lists of [x1, y1, x2, y2]; and the scope."""

    parts: list[str | list[list[float]]]
    scope: str


class Said(BaseModel):
    """The reply."""

    role: Literal["assistant"]
    content: str
    radvlm: Told


class Choice(BaseModel):
    """The one reply of a completion."""

    index: int
    message: Said
    finish_reason: str
    logprobs: dict[str, Any] | None


class Completion(BaseModel):
    """OpenAI's chat completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: dict[str, int]


class ModelCard(BaseModel):
    """A model; ``scope`` belongs before everything it says."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "radvlm"
    scope: str
    revision: str
    tasks: list[str]
    max_images: int


class ModelList(BaseModel):
    """The models served."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class WindowOf(BaseModel):
    """Centre and width in use, and the least and greatest value there is."""

    center: float
    width: float
    low: float
    high: float


class Uploaded(BaseModel):
    """An image that is kept for an hour at most; named ``radvlm://image/ID`` in other routes.

    ``window`` is null for pictures of 8 bits, ``projection`` for all but DICOM.
    """

    id: str
    width: int
    height: int
    window: WindowOf | None
    projection: str | None


class Example(BaseModel):
    """A simulated radiograph."""

    id: str
    title: str


class Probed(BaseModel):
    """An attribute that images can be changed in; AUC of its probe on test patients."""

    name: str
    auc: float
    interval: tuple[float, float]


class Explainable(BaseModel):
    """Whether images can be explained here, and in what; the best probes come first.

    ``scope`` and ``access`` are those of the images that the explainer was learned from.
    """

    available: bool
    scope: str = ""
    access: Access | None = None
    attributes: list[Probed] = []


class Explained(BaseModel):
    """One image changed in one attribute; pictures are squares, PNG as data URIs.

    ``frames`` go from the rebuilt image to the whole change, whose ``amplitude`` is in standard
    deviations of the code. ``scores`` are logits of every usable probe, before and after; ``moved``
    names those that went along by more than one. ``asked`` is the served model's own probability
    of the finding in each frame; null where it cannot be asked.
    """

    attribute: str
    added: bool
    valid: bool
    said: str
    original: str
    frames: list[str]
    difference: str
    psnr: float
    amplitude: float
    scores: dict[str, tuple[float, float]]
    moved: list[str]
    asked: list[float] | None
    scope: str
    notice: str


class Health(BaseModel):
    """The server is alive."""

    status: Literal["ok"] = "ok"
