"""Attention over a packed row at the cost of its sequences: each looks back at itself alone.

One mask over a row of n tokens costs n² however short its sequences are. Here the row's four marks
a token travel in the place of a mask, int64 [1, 1, 4, n], which transformers hands on untouched
because it has the rank of one; ``PACKED`` is the name of this attention in its interface. The sums
are those of the mask that ``batches.may_see`` describes.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.weak import WeakTensorKeyDictionary
from transformers import AttentionInterface

from radvlm.models.encoding import Tokens

PACKED = "radvlm_packed"

Span = tuple[int, torch.Tensor | None]
"""Length of a sequence of the row, and what its tokens see, bool [1, 1, m, m]; none where each sees
all before it."""


def marks(row: Tokens, runs: Sequence[int] | None = None) -> torch.Tensor:
    """The marks of a packed row: sequence, chat (0: shared), image seen in both directions, place.

    Args:
        row: has ``parts`` and ``blocks``; a row that was not packed is one sequence.
        runs: for each token the number of the image it belongs to, 0 for none.
    """
    n = len(row.ids)
    return torch.tensor(
        [
            row.parts or [0] * n,
            row.blocks or [1] * n,
            runs or [0] * n,
            row.positions or list(range(n)),
        ]
    )[None, None]


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention [1, heads, n, d] → [1, n, heads, d], sequence by sequence."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    lengths, masks = zip(*_spans(attention_mask, sliding_window), strict=True)
    # Split, not sliced: the gradient of a slice is as long as the whole row.
    parts = zip(
        *(torch.split_with_sizes(whole, lengths, 2) for whole in (query, key, value)),
        masks,
        strict=True,
    )
    said = [
        functional.scaled_dot_product_attention(
            q, k, v, attn_mask=seen, dropout_p=dropout, scale=scaling, is_causal=seen is None
        )
        for q, k, v, seen in parts
    ]
    return torch.cat(said, 2).transpose(1, 2).contiguous(), None


_known: MutableMapping[torch.Tensor, dict[int | None, list[Span]]] = WeakTensorKeyDictionary()
"""Spans are read once a row: all its layers, and their recomputation, are given the same marks."""


def _spans(marked: torch.Tensor, window: int | None) -> list[Span]:
    found = _known.get(marked) or {}
    if window not in found:
        parts, cuts = marked[0, 0, 0], [0]
        cuts += (parts.diff().nonzero()[:, 0] + 1).tolist()
        ends = [*cuts[1:], len(parts)]
        found[window] = [
            (b - a, _seen(marked[0, 0, :, a:b], window)) for a, b in zip(cuts, ends, strict=True)
        ]
        _known[marked] = found
    return found[window]


def _seen(marked: torch.Tensor, window: int | None) -> torch.Tensor | None:
    """What the tokens of one sequence see."""
    _, blocks, runs, places = marked
    n = len(blocks)
    plain = bool((blocks == blocks[0]).all()) and not bool(runs.any())
    if plain and (window is None or n <= window):
        return None
    causal = torch.ones(n, n, dtype=torch.bool, device=marked.device).tril()
    mine = (blocks[:, None] == blocks[None, :]) | (blocks[None, :] == 0)
    image = (runs[:, None] == runs[None, :]) & (runs[:, None] > 0)
    near = places[None, :] > places[:, None] - (n if window is None else window)
    seen: torch.Tensor = ((mine & causal) | image) & near
    return seen[None, None]


AttentionInterface.register(PACKED, attend)
