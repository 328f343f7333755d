"""The learning rate over a run, as a factor of its peak."""

from __future__ import annotations

import math


def rate_factor(step: int, total: int, warmup: float, *, decay: bool = True) -> float:
    """Linear warm-up, then half a cosine towards zero or, without ``decay``, the peak.

    Args:
        step: of 0 … ``total`` - 1; the first has a rate already.
        total: steps of the whole run.
        warmup: the share of all steps that the way up takes, 0…1; one step at least.
        decay: whether the rate falls after the warm-up.

    Returns:
        The factor, 0…1.
    """
    warm = max(1, round(warmup * total))
    if step < warm:
        return (step + 1) / warm
    if not decay:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))
