"""The trained model → a checkpoint folder that plain transformers loads.

Adapters are added to the weights they belong to; of a network in shards the first process gathers
all. Weights are written in the type they were loaded in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from radvlm.models.local import LocalModel
from radvlm.runtime.processes import Processes
from radvlm.train.learner import Learner
from radvlm.train.recipe import Lora, TrainRecipe

Weights = dict[str, torch.Tensor]
_DOWN, _UP, _BASE = ".lora_A.default.weight", ".lora_B.default.weight", ".base_layer."


def save_checkpoint(
    model: LocalModel, learner: Learner, recipe: TrainRecipe, joined: Processes, kind: torch.dtype
) -> None:
    """Write ``checkpoint/``; every process takes part, the first one writes."""
    weights = whole_weights(learner, joined)
    if not joined.first:
        return
    if recipe.lora:
        if recipe.lora.quantize and recipe.model.folder:
            weights |= _unquantised(model, recipe)
        weights = merge(weights, recipe.lora)
    model.save(
        recipe.out / "checkpoint",
        weights={name: value.to(kind) for name, value in weights.items()},
    )


def whole_weights(learner: Learner, joined: Processes) -> Weights:
    """The network's weights by its own names; those of shards in the first process only."""
    own: Weights = {name: value.detach() for name, value in learner.named_parameters()}
    found: Mapping[str, Any] = own
    if joined.size > 1:
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        found = get_model_state_dict(learner, options=options)
    # Tied weights stand under one of their names.
    return {n.removeprefix("network."): value for n, value in found.items() if n in own}


def merge(weights: Weights, lora: Lora) -> Weights:
    """The weights with the product of every adapter's two matrices added."""
    merged = {n.replace(_BASE, "."): v for n, v in weights.items() if ".lora_" not in n}
    for name, down in weights.items():
        if name.endswith(_DOWN):
            layer = name.removesuffix(_DOWN)
            added = weights[layer + _UP].float() @ down.float() * (lora.alpha / lora.rank)
            base = merged[f"{layer}.weight"]
            merged[f"{layer}.weight"] = (base.float() + added.to(base.device)).to(base.dtype)
    return merged


def _unquantised(model: LocalModel, recipe: TrainRecipe) -> Weights:
    """The weights below the adapters as they were before they were brought to four bits."""
    assert recipe.model.folder is not None  # only what lies in a folder is quantised
    network = type(model).from_folder(recipe.model.folder, "cpu").network
    return {name: value.detach() for name, value in network.named_parameters()}
