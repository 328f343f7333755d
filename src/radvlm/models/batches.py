"""Encoded chats → padded batches, and rows that hold several chats.

Chats about the same images share them; rows about different ones are packed end to end. Such a row
brings its own positions and an attention mask [b, 1, n, n] in which every chat sees its images and
itself alone, so that each token sees exactly what it would in a row of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence

from radvlm.models.encoding import Tokens

IGNORED = -100
"""The label of a token that is not learned from."""

Grid = tuple[int, int, int]
"""Patches of an image in time (1), down and across, before neighbours are merged."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as the network takes it, its (height, width) before, and what it is known by.

    ``pixels`` is float32, [tiles, 3, s, s] or, where images keep their shape, [patches, values].
    """

    pixels: torch.Tensor
    size: tuple[int, int]
    key: Hashable = None
    grid: Grid | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """One chat as the network takes it, or several in one row; ``parts`` of a packed row."""

    tokens: Tokens
    images: tuple[Shown, ...]
    parts: tuple[Encoded, ...] = ()

    @property
    def apart(self) -> tuple[Encoded, ...]:
        """The rows this one was packed from, or itself."""
        return self.parts or (self,)

    @property
    def pixels(self) -> tuple[torch.Tensor, ...]:
        """The pixels of each image."""
        return tuple(image.pixels for image in self.images)


def pack(rows: Sequence[Encoded]) -> Encoded:
    """Rows end to end as one without padding, in which none sees another."""
    if len(rows) == 1:
        return rows[0]
    ids: list[int] = []
    learn: list[bool] = []
    positions: list[int] = []
    blocks: list[int] = []
    parts: list[int] = []
    for number, row in enumerate(rows):
        tokens, n = row.tokens, len(row.tokens.ids)
        ids += tokens.ids
        learn += tokens.learn
        positions += tokens.positions or range(n)
        blocks += tokens.blocks or [1] * n
        parts += [number] * n
    packed = Tokens(tuple(ids), tuple(learn), tuple(positions), tuple(blocks), tuple(parts))
    return Encoded(packed, tuple(image for row in rows for image in row.images), tuple(rows))


def pad_rows(rows: Sequence[Tokens], pad: int, left: bool) -> dict[str, torch.Tensor]:
    """``input_ids``, ``attention_mask`` and ``labels`` [b, n] of rows of any length."""
    side = "left" if left else "right"
    ids = [torch.tensor(row.ids) for row in rows]
    learn = [torch.tensor(row.learn) for row in rows]
    labels = [torch.where(mask, row, IGNORED) for row, mask in zip(ids, learn, strict=True)]
    return {
        "input_ids": pad_sequence(ids, True, pad, side),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], True, 0, side),
        "labels": pad_sequence(labels, True, IGNORED, side),
    }


def block_positions(rows: Sequence[Tokens], length: int) -> torch.Tensor:
    """Where each token of right-padded rows stands in its chat, int64 [b, length]."""
    positions = torch.zeros(len(rows), length, dtype=torch.long)
    for k, row in enumerate(rows):
        positions[k, : len(row.ids)] = torch.tensor(row.positions or range(len(row.ids)))
    return positions


def may_see(
    rows: Sequence[Tokens], length: int, device: torch.device | None = None
) -> torch.Tensor:
    """Which token (last axis) each token of right-padded rows may look back at, bool [b, n, n].

    Padding sees itself alone.
    """
    seen = torch.eye(length, dtype=torch.bool, device=device).repeat(len(rows), 1, 1)
    causal = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    for k, row in enumerate(rows):
        n = len(row.ids)
        blocks = torch.tensor(row.blocks or [1] * n, device=device)
        same = (blocks[:, None] == blocks[None, :]) | (blocks[None, :] == 0)
        if row.parts:
            parts = torch.tensor(row.parts, device=device)
            same &= parts[:, None] == parts[None, :]
        seen[k, :n, :n] = same & causal[:n, :n]
    return seen


def additive(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A mask [b, 1, n, n] to be added to attention scores: 0, or the smallest number there is."""
    hidden = torch.finfo(dtype).min
    none = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return none.masked_fill(~seen, hidden)[:, None]
