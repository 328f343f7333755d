"""The network as it is trained: adapters, what is frozen, precision, and layers in shards.

In: a family's model with its weights on the CPU or the device. Out: the same model prepared in
place, and a ``Learner`` that turns a batch into a loss. Sharding is FSDP2 (``fully_shard``) of
every layer the family names, and of the rest at the root.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.nn import functional

from radvlm.errors import InputError
from radvlm.models.backbone import Backbone
from radvlm.models.batches import IGNORED
from radvlm.models.packed_attention import PACKED
from radvlm.runtime.processes import Processes
from radvlm.train.recipe import Lora, TrainRecipe

HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Learner(nn.Module):
    """A transformers model with ``model`` and ``lm_head``, and the loss over its answers."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Summed next-token loss over the learned tokens (paper, equation 1), a scalar.

        Logits are computed at those tokens alone: with a large vocabulary most of them are unused.
        """
        inputs = {key: value for key, value in batch.items() if key != "labels"}
        hidden = self.network.model(**inputs, use_cache=False).last_hidden_state[:, :-1]
        labels = batch["labels"][:, 1:]
        learned = labels.ne(IGNORED)
        if hidden.is_cuda and learned.any():
            return fused_loss(hidden[learned], self.network.lm_head.weight, labels[learned])
        logits = self.network.lm_head(hidden[learned])
        return functional.cross_entropy(logits.float(), labels[learned], reduction="sum")


def fused_loss(hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Summed cross-entropy [] of ``hidden`` [n, d] under ``head`` [vocabulary, d], in pieces.

    The logits [n, vocabulary] are never in memory as a whole. On a CPU the plain way is faster.
    """
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind):
        # This operation is not on autocast's lists.
        half = torch.get_autocast_dtype(kind)
        hidden, head = hidden.to(half), head.to(half)
    options = nn.LinearCrossEntropyOptions()
    return functional.linear_cross_entropy(hidden, head, labels, reduction="sum", options=options)


def prepare(model: Backbone, recipe: TrainRecipe, joined: Processes) -> Learner:
    """Make the model ready for training as the recipe has it.

    Raises:
        InputError: the network is not sharded as it should be.
    """
    network = model.network
    half = HALVES.get(recipe.precision)
    if recipe.lora is None or joined.size > 1:
        # Updates of 1e-5 are lost in sixteen bits, and a shard has one type.
        network.float()
    for part in recipe.freeze:
        for parameter in model.parameter_groups()[part]:
            parameter.requires_grad_(False)
    if recipe.lora:
        adapt(model, recipe.lora)
    if recipe.packing:
        model.attend_by(PACKED)
    if recipe.checkpointing:
        network.activation_checkpointing_enable({"use_reentrant": False})
        if recipe.lora:
            network.enable_input_require_grads()
    learner = Learner(network)
    if joined.mesh is None:
        network.to(joined.device)
    else:
        _shard(learner, model.decoder_layers, joined, half)
    _assert_wrapped(learner, model.decoder_layers, joined)
    network.train()
    return learner


def adapt(model: Backbone, lora: Lora) -> None:
    """Put adapters into the family's layers; all other weights are frozen."""
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=model.lora_targets,
    )
    with warnings.catch_warnings():
        # peft asks transformers for a property by its former name.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        # The adapters go into the network itself, which keeps its class and its names.
        get_peft_model(model.network, config)


def _shard(
    learner: Learner, layers: tuple[str, ...], joined: Processes, half: torch.dtype | None
) -> None:
    policy = MixedPrecisionPolicy(
        param_dtype=half, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for module in list(learner.modules()):
        if type(module).__name__ in layers:
            fully_shard(module, mesh=joined.mesh, mp_policy=policy)
    fully_shard(learner, mesh=joined.mesh, mp_policy=policy)


def _assert_wrapped(learner: Learner, layers: tuple[str, ...], joined: Processes) -> None:
    """What runs in several processes must be in shards there, and nowhere else."""
    expected = sum(type(m).__name__.removeprefix("FSDP") in layers for m in learner.modules()) + 1
    found = sum(isinstance(module, FSDPModule) for module in learner.modules())
    if found != (expected if joined.size > 1 else 0):
        raise InputError(
            f"{found} modules are sharded among {joined.size} processes, not {expected}",
            "FSDP",
            "See whether the family names the layers of this network",
        )
    if joined.size > 1 and expected == 1:
        raise InputError("no layer of the network has a name the family knows", "FSDP")
