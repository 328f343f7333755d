"""Micro-batches, read and resized in worker processes ahead of the step that needs them.

Workers draw nothing at random and are told by number what to read, so their count changes nothing.
An image that cannot be read takes its sequence with it: counted, named, replaced by nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from radvlm.errors import ImageError
from radvlm.models.backbone import Backbone
from radvlm.models.batches import Encoded, pack
from radvlm.models.encoding import Tokens
from radvlm.protocols import Chat
from radvlm.records import Turn
from radvlm.train.planning import Micro
from radvlm.train.sequences import to_chats


@dataclass(frozen=True, slots=True)
class Loaded:
    """A micro-batch as the network takes it, and what could not be read for it."""

    rows: tuple[Encoded, ...]
    questions: int
    damaged: tuple[str, ...]
    last: bool

    @property
    def learned(self) -> int:
        """Tokens learned from."""
        return sum(sum(row.tokens.learn) for row in self.rows)

    @property
    def tokens(self) -> int:
        """Tokens that are no padding."""
        return sum(len(row.tokens.ids) for row in self.rows)


class Reader(Dataset[Loaded]):
    """Encodes a micro-batch; asked with the micro-batch itself in place of an index."""

    def __init__(self, model: Backbone) -> None:
        self._model = model

    def __getitem__(self, micro: Micro) -> Loaded:
        rows, damaged, questions = [], [], 0
        for group in micro.groups:
            try:
                rows.append(self._model.encode_group(to_chats(group)))
            except ImageError as error:
                damaged.append(str(error))
                continue
            questions += sum(turn.role == "user" for e in group for turn in e.turns)
        if not rows:
            # Layers that lie in several processes need all of them, if only to pass through.
            rows = [nothing_to_learn(self._model)]
        packed = [pack(rows)] if micro.packed else rows
        return Loaded(tuple(packed), questions, tuple(damaged), micro.last)


def nothing_to_learn(model: Backbone) -> Encoded:
    """A black image and a word, of which no token is learned."""
    black = np.zeros((32, 32), dtype=np.uint8)
    row = model.encode(Chat((black,), (Turn("user", ("?",)),)), open_reply=False)
    return Encoded(Tokens(row.tokens.ids, (False,) * len(row.tokens.ids)), row.images)


def load(model: Backbone, micros: Iterator[Micro], workers: int) -> Iterator[Loaded]:
    """The micro-batches in order; with workers, a few are always ready ahead."""
    reader = Reader(model)
    if not workers:
        yield from map(reader.__getitem__, micros)
        return
    loader: DataLoader[Loaded] = DataLoader(
        reader,
        sampler=micros,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=2,
        worker_init_fn=_alone,
    )
    yield from loader


def _alone(worker: int) -> None:
    torch.set_num_threads(1)
