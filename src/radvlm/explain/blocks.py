"""Blocks of denoiser and encoder: residual block with adaptive group normalisation, attention.

After the group normalisation of a residual block, features h become h (1 + s_t) + b_t from the time
and then h (1 + s_z) (+ b_z) from the semantic code (Preechakul et al., CVPR 2022, eq. 7; Dhariwal &
Nichol 2021). Parts are named as in the published checkpoints, so that converting is renaming.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

Tensor = torch.Tensor


def normalisation(channels: int) -> nn.GroupNorm:
    """Group normalisation in 32 groups, fewer where the channels do not divide."""
    return nn.GroupNorm(math.gcd(32, channels), channels)


def adaptive_norm(h: Tensor, time: Tensor, code: Tensor) -> Tensor:
    """Scale and shift normalised features [n, c, h, w] by time [n, 2c], then by code [n, c or 2c].

    A code of c numbers scales only, as in the published network.
    """
    scale, shift = time[:, :, None, None].chunk(2, dim=1)
    h = h * (1 + scale) + shift
    if code.shape[1] == h.shape[1]:
        return h * (1 + code[:, :, None, None])
    scale, shift = code[:, :, None, None].chunk(2, dim=1)
    return h * (1 + scale) + shift


class Resample(nn.Module):
    """Half or double the resolution; with ``channels`` a convolution does (or follows) it."""

    def __init__(self, up: bool, channels: int | None = None) -> None:
        super().__init__()
        self.up = up
        if channels and up:
            self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        elif channels:
            self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.learned = channels is not None

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] → [n, c, 2h, 2w] or [n, c, h/2, w/2]."""
        if self.up:
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            changed: Tensor = self.conv(x) if self.learned else x
        else:
            changed = self.op(x) if self.learned else functional.avg_pool2d(x, 2)
        return changed


class ResBlock(nn.Module):
    """Residual block. Without conditions (in the encoder) it has only its first half."""

    def __init__(
        self,
        channels: int,
        out: int,
        embedding: int = 0,
        code: int = 0,
        code_shift: bool = False,
        dropout: float = 0.0,
        resample: Resample | None = None,
    ) -> None:
        super().__init__()
        self.resample = resample
        self.in_layers = nn.Sequential(
            normalisation(channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1)
        )
        if embedding:
            width = 2 * out if code_shift else out
            self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * out))
            self.cond_emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(code, width))
            last = nn.Conv2d(out, out, 3, padding=1)
            nn.init.zeros_(last.weight)
            self.out_layers = nn.Sequential(
                normalisation(out), nn.SiLU(), nn.Dropout(dropout), last
            )
        self.conditioned = bool(embedding)
        self.skip_connection = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, time: Tensor | None = None, code: Tensor | None = None) -> Tensor:
        """[n, c, h, w] → [n, out, h', w']; ``time`` [n, embedding] and ``code`` [n, code]."""
        if self.resample is None:
            h = self.in_layers(x)
        else:
            h = self.in_layers[2](self.resample(self.in_layers[1](self.in_layers[0](x))))
            x = self.resample(x)
        if self.conditioned:
            h = adaptive_norm(
                self.out_layers[0](h), self.emb_layers(time), self.cond_emb_layers(code)
            )
            h = self.out_layers[3](self.out_layers[2](self.out_layers[1](h)))
        summed: Tensor = self.skip_connection(x) + h
        return summed


class Attention(nn.Module):
    """Self-attention over all places, one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normalisation(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.proj_out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] → the same shape."""
        flat = x.flatten(2)
        q, k, v = self.qkv(self.norm(flat)).transpose(1, 2).chunk(3, dim=-1)
        h = functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        out: Tensor = (flat + self.proj_out(h.transpose(1, 2))).view(x.shape)
        return out


class Conditioned(nn.Sequential):
    """Blocks in turn; those that take time and code are given them."""

    def forward(self, x: Tensor, time: Tensor | None = None, code: Tensor | None = None) -> Tensor:
        """[n, c, h, w] → what the last block makes of it."""
        for block in self:
            x = block(x, time, code) if isinstance(block, ResBlock) else block(x)
        return x


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Cosines and sines of t [n] at frequencies from 1 down to 1/10,000, [n, width]."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device) / half)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)
