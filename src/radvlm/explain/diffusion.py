"""Noise levels, and DDIM between an image and its noise (Song et al. 2021, η = 0).

x_t = α(t) x_0 + σ(t) ε with α² + σ² = 1 and t in 0…1. A step of DDIM goes from t to s by what the
denoiser thinks x_0 and ε are at t; with s < t it decodes, with s > t it inverts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal

import torch

Tensor = torch.Tensor
Parametrisation = Literal["image", "v", "noise"]
Schedule = Literal["cosine", "linear"]
Denoise = Callable[[Tensor, Tensor], Tensor]
"""(x_t, t [n] in 0…1) → prediction of the shape of x_t."""

_LEVELS = 1000
_OFFSET = 0.008
_FINE = 0.1


def signal(t: Tensor, schedule: Schedule) -> Tensor:
    """ᾱ(t) = α(t)², float64 of the shape of t; 1 at t = 0.

    ``cosine``: Nichol & Dhariwal 2021, eq. 17, in continuous time. ``linear``: β from 1e-4 to 0.02
    over 1,000 levels (Ho et al. 2020), by geometric interpolation between levels.
    """
    t = t.double()
    if schedule == "cosine":
        angle = (t + _OFFSET) / (1 + _OFFSET) * math.pi / 2
        return (torch.cos(angle) / math.cos(_OFFSET / (1 + _OFFSET) * math.pi / 2)).square()
    betas = torch.linspace(1e-4, 0.02, _LEVELS, dtype=torch.float64, device=t.device)
    logs = torch.cat([betas.new_zeros(1), torch.log1p(-betas).cumsum(0)])
    place = t.clamp(0, 1) * _LEVELS
    low = place.floor().long().clamp(max=_LEVELS - 1)
    return torch.exp(torch.lerp(logs[low], logs[low + 1], place - low))


def levels(t: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """α and σ at times [n], float32 [n, 1, 1, 1]."""
    kept = signal(t, schedule)[:, None, None, None]
    return kept.sqrt().float(), (1 - kept).clamp(min=0).sqrt().float()


def target(
    x0: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor, kind: Parametrisation
) -> Tensor:
    """What the denoiser is to predict: the noise, v = α ε − σ x_0, or the image itself."""
    if kind == "image":
        return x0
    return noise if kind == "noise" else alpha * noise - sigma * x0


def coefficients(
    alpha: Tensor, sigma: Tensor, kind: Parametrisation
) -> tuple[Tensor | float, Tensor | float, Tensor | float, Tensor | float]:
    """(a, b, c, d) with x_0 = a x + b p and ε = c x + d p of a prediction p at x_t.

    A predicted image is blended with x_t / α where there is hardly any noise (below ``_FINE``),
    because a small network does not draw the finest detail again.
    """
    if kind == "v":
        return alpha, -sigma, sigma, alpha
    if kind == "noise":
        return 1 / alpha, -sigma / alpha, 0.0, 1.0
    both = sigma**2 + (_FINE * alpha) ** 2
    return _FINE**2 * alpha / both, sigma**2 / both, sigma / both, -sigma * alpha / both


def split(
    x: Tensor, predicted: Tensor, alpha: Tensor, sigma: Tensor, kind: Parametrisation
) -> tuple[Tensor, Tensor]:
    """(x_0, ε) that a prediction at x_t stands for."""
    a, b, c, d = coefficients(alpha, sigma, kind)
    return a * x + b * predicted, c * x + d * predicted


def grid(steps: int, kind: Parametrisation) -> list[float]:
    """Times from 0 to the noisiest, ``steps`` + 1 of them, quadratically spaced.

    Most changes where there is little noise left, so steps are shorter there (Song et al. 2021,
    appendix D.2). A predicted noise says nothing of x_0 where no signal is left, so its last time
    is 999/1000.
    """
    last = (_LEVELS - 1) / _LEVELS if kind == "noise" else 1.0
    return [last * (k / steps) ** 2 for k in range(steps + 1)]


def invert(
    x: Tensor,
    denoise: Denoise,
    steps: int,
    kind: Parametrisation = "v",
    schedule: Schedule = "cosine",
    refine: int = 0,
) -> Tensor:
    """The noise x_T whose decoding in as many steps is x, up to an error.

    A step of decoding asks the denoiser at its noisier end, which inversion does not know yet: it
    asks at the other one, then ``refine`` times at what it has found (fixed-point iteration).
    """
    for here, there in pairwise(grid(steps, kind)):
        alpha, sigma = _levels(x, here, schedule)
        further, dimmer = _levels(x, there, schedule)
        x0, noise = split(x, denoise(x, _times(x, here)), alpha, sigma, kind)
        found = further * x0 + dimmer * noise
        for _ in range(refine):
            predicted = denoise(found, _times(x, there))
            a, b, c, d = coefficients(further, dimmer, kind)
            kept = alpha * a + sigma * c
            found = (x - (alpha * b + sigma * d) * predicted) / kept
        x = found
    return x


def decode(
    x: Tensor,
    denoise: Denoise,
    steps: int,
    kind: Parametrisation = "v",
    schedule: Schedule = "cosine",
) -> Tensor:
    """The image of a noise x_T."""
    for here, there in pairwise(grid(steps, kind)[::-1]):
        alpha, sigma = _levels(x, here, schedule)
        x0, noise = split(x, denoise(x, _times(x, here)), alpha, sigma, kind)
        alpha, sigma = _levels(x, there, schedule)
        x = alpha * x0 + sigma * noise
    return x


def _times(x: Tensor, t: float) -> Tensor:
    return torch.full((len(x),), t, device=x.device)


def _levels(x: Tensor, t: float, schedule: Schedule) -> tuple[Tensor, Tensor]:
    return levels(torch.full((1,), t, dtype=torch.float64, device=x.device), schedule)


def chunks(n: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover 0…n."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
