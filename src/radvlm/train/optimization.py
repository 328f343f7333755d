"""Parameter groups, learning-rate schedule, and the scale of losses in float16."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from radvlm.errors import IncompleteError
from radvlm.models.backbone import Backbone
from radvlm.runtime.schedule import rate_factor
from radvlm.train.recipe import Schedule

_GROWS_AFTER = 2000
FIRST_SCALE = 65536.0


def make_optimizer(model: Backbone, schedule: Schedule) -> torch.optim.AdamW:
    """AdamW with a group for the vision tower and one for the rest, each with its own rate.

    What leads from the tower to the language model belongs to the rest, wherever it is kept.
    """
    parts = model.parameter_groups()
    rates = {"vision": schedule.vision_lr, "projector": schedule.lr, "language": schedule.lr}
    groups = [
        {"params": trained, "lr": rates[part], "peak": rates[part]}
        for part in ("language", "projector", "vision")
        if (trained := [p for p in parts[part] if p.requires_grad])
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=schedule.weight_decay)


def set_rate(optimizer: torch.optim.Optimizer, schedule: Schedule, step: int, total: int) -> float:
    """Linear warm-up, then cosine decay to zero; returns the factor applied to each peak rate."""
    factor = rate_factor(step, total, schedule.warmup)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return factor


def clip_gradients(network: nn.Module, limit: float, scale: float) -> float:
    """Undo the scale and bound the norm of all gradients; returns their norm before.

    A norm that is not finite leaves them as they are.
    """
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    found = nn.utils.get_total_norm(gradients)
    norm = float(found.full_tensor() if isinstance(found, DTensor) else found) / scale
    if math.isfinite(norm):
        factor = min(1.0, limit / (norm + 1e-6)) / scale
        if factor != 1.0:
            torch._foreach_mul_(gradients, factor)
    return norm


def next_scale(scale: float, steady: int, finite: bool) -> tuple[float, int]:
    """The scale of float16 losses after a step, and for how many steps it has gone well.

    It is halved where a gradient overflowed and doubled after 2,000 steps without.

    Raises:
        IncompleteError: gradients overflow at every scale.
    """
    if not finite:
        if scale <= 1:
            raise IncompleteError(
                "gradients are not finite at any loss scale",
                "float16",
                "Train in bfloat16 or float32, or with a lower rate",
            )
        return scale / 2, 0
    return (scale * 2, 0) if steady + 1 >= _GROWS_AFTER else (scale, steady + 1)
