"""What a baseline says for itself: its card, its prompts, and how its replies are read.

One file a baseline. Prompts are the ones its authors publish, word for word; a question they
publish none for has none here, and is not run rather than run with words of ours. What a reply
says is put into the spelling that its box codec and our tasks read, and nothing is added to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from radvlm.baselines.asks import Ask

Contexts = Literal["single_frontal", "native"]
"""One frontal image alone, or whatever else of the study the model was made to be given."""

FINDINGS = "{findings}"
"""Stands in a prompt for what the baseline's own classifier finds; its runner fills it in."""


@dataclass(frozen=True, slots=True)
class BaselineCard:
    """A published model.

    Attributes:
        name: how it is called here; ``weights`` its place on the Hugging Face hub.
        apply: where its weights are had, and what has to be accepted or signed first.
        remote_code: whether it brings code of its own, which then runs in its process alone.
        saw: families of data it is known to have been trained on.
        note: what else is known of that, and of what is native to it.
        codec: how it writes boxes.
        tasks: those it has prompts for.
        runner: the script of ``runners/`` that runs it.
        code: the authors' repository and commit (``url@commit``), where the model needs it.
        base: the weights that its own adapt, which have to be given as a local folder as well.
        max_pixels: images are resized to at most so many.
        square: whether it is shown images within black borders that make them square.
    """

    name: str
    weights: str
    licence: str
    apply: str
    remote_code: bool
    saw: tuple[str, ...]
    note: str
    codec: str
    tasks: tuple[str, ...]
    runner: str
    code: str = ""
    base: str = ""
    max_pixels: int | None = None
    max_tokens: int = 512
    square: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What else is known when an image is read: texts of the order, the other images, the past.

    ``lateral`` and ``prior`` are paths of images.
    """

    indication: str | None = None
    technique: str | None = None
    comparison: str | None = None
    prior_report: str | None = None
    lateral: str | None = None
    prior: str | None = None


ALONE = Context()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is asked, and what its own processor makes that from, where it does.

    ``images`` are paths of images beyond the frontal one.
    """

    text: str
    fields: Mapping[str, str | None] = field(default_factory=dict)
    images: tuple[str, ...] = ()


class Native(Protocol):
    """A baseline as its file describes it."""

    card: BaselineCard

    def prompt(self, ask: Ask, context: Context) -> Prompt | None:
        """Its own words for a question; none where its authors publish none."""
        ...

    def read(self, ask: Ask, said: str) -> str:
        """What it said in the spelling of its codec and our tasks. Never raises."""
        ...
