"""The few protocols between the parts: Source, Task, Metric, Model, BoxCodec.

A data set, a question, a figure, a network and a coordinate convention are each one file that
satisfies one of these, and one row of ``registry.py``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from radvlm.records import Access, Answer, Box, Example, Part, Reply, Study, Turn

Pixels = NDArray[np.uint8]
"""A radiograph as it is shown: uint8 [height, width], 0 black, bone bright."""

Rows = NDArray[np.float64]
"""Sufficient statistics of a metric, float64 [n, k], one row an answer."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file or folder a source needs: where it is had and under what agreement."""

    path: str
    required: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not be used: where it stands and why. Never holds patient text."""

    source: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of ``of`` parts of a data set, cut by patient, so that several processes can share it.

    ``slice_key(study) in part`` tells whether a study belongs to it.
    """

    indices: frozenset[int] = frozenset({0})
    of: int = 1

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return len(self.indices) == self.of

    def __contains__(self, key: str) -> bool:
        return self.of == 1 or crc32(key.encode()) % self.of in self.indices


WHOLE = Slice()


class Source(Protocol):
    """A data set on disk, read into studies. What cannot be read goes to ``quarantine``.

    Made as ``Source(root, **options)``; the roots of the sources named in ``needs`` come as options
    of those names, those of ``uses`` only where the recipe has them.
    """

    name: str
    family: str
    access: Access
    licence: str
    citation: str
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    quarantine: list[Quarantined]

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice that can be read, ascending by ``study_key``; no pixels."""
        ...

    def files(self) -> Sequence[SourceFile]:
        """What the release must hold for ``studies`` to be complete."""
        ...

    def withheld(self) -> frozenset[str]:
        """Patients of the family nobody may train on, because their test set lies elsewhere."""
        ...


def slice_key(study: Study) -> str:
    """What decides which ``Slice`` a study belongs to: its patient, or itself where none is known.

    Two families may use the same number; that only puts them into the same slice.
    """
    return study.patient or study.id


def study_key(study: Study) -> tuple[str, str, str]:
    """The order in which sources give studies: family, patient (empty if unknown), study."""
    return study.family, study.patient or "", study.id


class Task(Protocol):
    """Everything peculiar to one question. ``ask`` is pure and offline; ``read`` never raises."""

    name: str
    metrics: tuple[str, ...]

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """Examples of this task, per frontal view; their ``id`` is set by the build."""
        ...

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """What a reply to ``question`` says. Unreadable is a value, not an exception."""
        ...


class Metric(Protocol):
    """A figure as sufficient statistics, so that bootstrap, tests and rewards share one code."""

    key: str

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer, float64 [n, k]; a failed (unreadable) answer is the worst row."""
        ...

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The figure for each weighting of the rows: rows [n, k], weights [B, n] → [B]."""
        ...


class BoxCodec(Protocol):
    """A model's way of writing coordinates. ``size`` is (width, height) of the image in pixels."""

    name: str

    def render(self, boxes: Sequence[Box], size: tuple[int, int]) -> str:
        """The text a model of this convention writes for the boxes."""
        ...

    def parse(self, text: str, size: tuple[int, int]) -> tuple[tuple[Part, ...], bool]:
        """Text and boxes in order, and whether anything had to be mended. Never raises."""
        ...

    def spans(self, text: str, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Where each box of ``parse`` is written: [start, end) in characters, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation so far about some images (files, or uint8 [height, width] arrays)."""

    images: tuple[Path | Pixels, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a reply may be: a regular expression for all of it (``constraints`` makes them).

    Where ``largest`` is given, the numbers in it are coordinates up to that, four a box, and the
    later two of a box have to exceed the earlier two.
    """

    pattern: str
    largest: float | None = None


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to write the reply. ``temperature`` 0 is greedy; ``seed`` fixes sampling.

    With ``logprobs`` replies bring the log-probability of each of their tokens. A ``constraint``
    holds replies to a form; they end as soon as nothing can follow.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    n: int = 1
    seed: int = 0
    logprobs: bool = False
    constraint: Constraint | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a checkpoint. ``scope`` is the line shown before anything it says."""

    name: str
    revision: str
    family: str
    licence: str
    access: Access
    tasks: tuple[str, ...]
    codec: str
    max_images: int
    scope: str


@runtime_checkable
class Model(Protocol):
    """Anything that answers chats."""

    @property
    def info(self) -> ModelInfo:
        """Name, revision, licence, tasks, codec."""
        ...

    @property
    def codec(self) -> BoxCodec:
        """The convention its coordinates are written in."""
        ...

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        """Replies as they are ready, each with the index of its chat."""
        ...

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        """The reply to one chat, piece by piece."""
        ...

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        """Log-probability of each token of each continuation after its chat."""
        ...
