"""Floating-point operations a model needs for a step: what MFU is measured against.

Counted are multiplications and additions of the model's own matrices (2 a weight and token) and of
attention inside each chat, the vision tower's included; not padding, and nothing computed twice.
A backward pass costs as much again for the weights that are trained and for what lies above them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from radvlm.models.backbone import Backbone
from radvlm.models.batches import Encoded

PEAKS = {
    "GH200": 989e12,
    "H200": 989e12,
    "H100": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "A40": 150e12,
    "L40S": 362e12,
    "4090": 165e12,
    "3090": 71e12,
    "T4": 65e12,
}
"""Dense operations a second in sixteen bits, from the makers' data sheets."""


def peak_of(device: torch.device) -> float | None:
    """The device's peak, operations a second; none where it is not known, as on CPUs."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for key, peak in PEAKS.items() if key in name), None)


class Arithmetic:
    """Counts the operations of training on rows of one model."""

    def __init__(self, model: Backbone) -> None:
        groups = model.parameter_groups()
        text = model.network.config.get_text_config()
        vision = model.network.config.vision_config
        embedding, head = model.network.get_input_embeddings().weight, model.network.lm_head.weight
        layers = [p for p in groups["language"] if p is not embedding and p is not head]
        self._language = _cost(layers, below=_trains(groups["vision"] + groups["projector"]))
        self._head = _cost([head], below=True)
        self._vision = _cost(groups["vision"], below=False)
        self._text_width = text.num_hidden_layers * _width(text)
        self._vision_width = _depth(vision) * vision.hidden_size
        self._patch = patch_values(vision)

    def __call__(self, rows: Sequence[Encoded]) -> float:
        """Operations of the forward and backward pass over the rows."""
        found = 0.0
        for row in rows:
            tokens, learned = len(row.tokens.ids), sum(row.tokens.learn)
            found += self._language * tokens + self._head * learned
            found += sum(6 * self._text_width * n * n for n in _chats(row))
            for image in row.images:
                patches = image.pixels.numel() // self._patch
                tiles = image.pixels.shape[0] if image.grid is None else 1
                each = patches / max(1, tiles)
                found += self._vision * patches + 12 * self._vision_width * tiles * each * each
        return found


def patch_values(vision: Any) -> int:
    """Values of a patch that the tower of this configuration takes."""
    return int(3 * vision.patch_size**2 * getattr(vision, "temporal_patch_size", 1))


def _chats(row: Encoded) -> list[int]:
    """How many tokens each chat of a row has, what chats share counted with the first."""
    blocks, parts = row.tokens.blocks, row.tokens.parts
    if not blocks:
        return [len(row.tokens.ids)]
    keys = list(zip(parts or [0] * len(blocks), blocks, strict=True))
    cuts = [k for k, (a, b) in enumerate(pairwise(keys), 1) if a != b and b[1] != 1]
    return [b - a for a, b in pairwise([0, *cuts, len(keys)])]


def _trains(parameters: Sequence[nn.Parameter]) -> bool:
    return any(p.requires_grad for p in parameters)


def _cost(parameters: Sequence[nn.Parameter], below: bool) -> float:
    """Operations a token; ``below`` where gradients go on to what lies beneath."""
    matrices = [p for p in parameters if p.ndim >= 2]
    all_of, trained = sum(p.numel() for p in matrices), 0
    trained = sum(p.numel() for p in matrices if p.requires_grad)
    through = all_of if below or trained else 0
    return 2.0 * (all_of + trained + through)


def _width(text: Any) -> int:
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return int(head * text.num_attention_heads)


def _depth(vision: Any) -> int:
    return int(getattr(vision, "num_hidden_layers", None) or vision.depth)
