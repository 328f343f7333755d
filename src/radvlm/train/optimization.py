"""Parameter groups, learning-rate schedule and the loss of a step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from radvlm.models.llava_onevision import IGNORED
from radvlm.train.recipe import Schedule


def make_optimizer(network: nn.Module, vision_prefix: str, schedule: Schedule) -> torch.optim.AdamW:
    """AdamW with a group for the vision tower and one for the rest, each with its own rate."""
    vision: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (vision if name.startswith(vision_prefix) else rest).append(parameter)
    groups = [
        {"params": rest, "lr": schedule.lr, "peak": schedule.lr},
        {"params": vision, "lr": schedule.vision_lr, "peak": schedule.vision_lr},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=schedule.weight_decay)


def set_rate(optimizer: torch.optim.Optimizer, schedule: Schedule, step: int, total: int) -> float:
    """Linear warm-up, then cosine decay to zero; returns the factor applied to each peak rate."""
    warm = max(1, round(schedule.warmup * total))
    if step < warm:
        factor = (step + 1) / warm
    else:
        factor = 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return factor


def answer_loss(network: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Mean next-token loss over the learned tokens (paper, equation 1), a scalar.

    ``network`` is a transformers model with ``model`` and ``lm_head``.

    Logits are computed at those tokens alone: with a large vocabulary most of them are unused.
    """
    inputs = {key: value for key, value in batch.items() if key != "labels"}
    hidden = network.model(**inputs).last_hidden_state[:, :-1]
    labels = batch["labels"][:, 1:]
    learned = labels.ne(IGNORED)
    return functional.cross_entropy(network.lm_head(hidden[learned]).float(), labels[learned])
