"""Memory a process needs for a recipe, reckoned from the network's sizes before it is loaded.

States of weights are exact; activations are those that a layer's backward pass keeps, counted from
its matrices, so they are near and not exact. Bytes throughout.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from radvlm.models.backbone import Backbone
from radvlm.train.arithmetic import patch_values
from radvlm.train.recipe import TrainRecipe

_FOUR_BITS = 0.516
"""Bytes of a weight in nf4 with its constants quantised as well (Dettmers et al. 2023)."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a process computes at once: tokens, those learned, and patches of its images."""

    tokens: float
    learned: float
    patches: float


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of one process."""

    weights: float
    gradients: float
    moments: float
    working: float
    activations: float

    @property
    def total(self) -> float:
        """All of it at its peak."""
        return self.weights + self.gradients + self.moments + self.working + self.activations


def footprint(model: Backbone, recipe: TrainRecipe, size: int, row: Row) -> Footprint:
    """Reckon for a network as it will be trained: adapters in place, frozen parts frozen."""
    parameters = list(model.network.parameters())
    trained = _count(p for p in parameters if p.requires_grad)
    half = recipe.precision != "float32"
    whole = recipe.lora is None or size > 1
    wide = 4 if (whole and size == 1) or not half else 2
    return Footprint(
        weights=_stored(model, recipe, whole) / size,
        gradients=4 * trained / size,
        moments=8 * trained / size,
        working=_working(model, size, whole, half),
        activations=_activations(model, recipe, row, 2 if half else 4, wide),
    )


def _stored(model: Backbone, recipe: TrainRecipe, whole: bool) -> float:
    """All weights as they lie in memory, of all processes together."""
    parameters = list(model.network.parameters())
    if whole:
        return 4 * _count(parameters)
    trained = _count(p for p in parameters if p.requires_grad)
    rest = _count(parameters) - trained
    head = model.network.lm_head
    matrices = _count(
        module.weight
        for module in model.network.modules()
        if isinstance(module, nn.Linear) and module is not head and not module.weight.requires_grad
    )
    narrow = matrices if recipe.lora and recipe.lora.quantize else 0
    return 4 * trained + 2 * (rest - narrow) + _FOUR_BITS * narrow


def _working(model: Backbone, size: int, whole: bool, half: bool) -> float:
    """Weights gathered from the other processes, or the sixteen-bit copies autocast keeps."""
    layers = [m for m in model.network.modules() if type(m).__name__ in model.decoder_layers]
    counts = [_count(layer.parameters()) for layer in layers]
    total = _count(model.network.parameters())
    each = 2 if half else 4
    if size > 1:
        # The root's own, two layers in flight, and one layer's whole gradients.
        return each * (total - sum(counts) + 2 * max(counts)) + 4 * max(counts)
    return each * total if half and whole else 0


def _activations(model: Backbone, recipe: TrainRecipe, row: Row, narrow: int, wide: int) -> float:
    """What the backward pass finds, at the moment it begins.

    ``narrow`` bytes for what layers compute with, ``wide`` for what runs past them.
    """
    text = model.network.config.get_text_config()
    vision = model.network.config.vision_config
    heads = text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // heads
    queries, keys = heads * head, text.num_key_value_heads * head
    inside = narrow * (2 * queries + 2 * keys + 4 * text.hidden_size + 4 * text.intermediate_size)
    seen = narrow * (8 * vision.hidden_size + 2 * vision.intermediate_size)
    depth = getattr(vision, "num_hidden_layers", None) or vision.depth
    found = _stack(recipe, row.tokens, text.num_hidden_layers, inside, wide * text.hidden_size)
    if any(p.requires_grad for p in model.parameter_groups()["vision"]):
        found += _stack(recipe, row.patches, depth, seen, wide * vision.hidden_size)
    found += narrow * row.patches * patch_values(vision)
    # Logits of the learned tokens in both widths, with their gradients.
    found += row.learned * text.vocab_size * (8 + 2 * narrow)
    mask = row.tokens**2 * (narrow + 1) if recipe.packing else 0
    return float(found + mask)


def _stack(recipe: TrainRecipe, tokens: float, layers: int, inside: float, past: float) -> float:
    """Layers kept whole, or their inputs and the one that is computed again."""
    return tokens * (layers * past + inside if recipe.checkpointing else layers * (past + inside))


def _count(parameters: Iterable[Any]) -> int:
    return sum(p.numel() for p in parameters)
