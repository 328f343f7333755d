"""The two networks: a semantic encoder image → z, and a U-Net denoiser given time and z.

Both follow DiffAE (Preechakul et al., CVPR 2022), which DiffChest (Han et al., 2024) trains on
radiographs of the chest. The small sizes differ in what lets them learn in minutes on a CPU: the
image enters as 4 × 4 blocks of pixels, and the encoder keeps positions instead of averaging them
away, so that a small device stays linear in z.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from radvlm.explain.blocks import (
    Attention,
    Conditioned,
    Resample,
    ResBlock,
    Tensor,
    normalisation,
    time_embedding,
)
from radvlm.recipe import Section


class NetworkConfig(Section):
    """Sizes of encoder and denoiser; the defaults learn at 64 px in minutes on a CPU.

    ``attention`` lists the resolutions of feature maps that have it; ``unshuffle`` is the side of
    the blocks of pixels that enter as channels. ``pool`` says how the encoder ends: ``flat`` keeps
    a 4 × 4 map of positions, ``average`` is the published one; with ``z_map`` z also enters the
    denoiser's lowest resolution as a map, so that positions come back. ``parametrisation`` is what
    the denoiser predicts: the image (which a narrow network can, while noise has too many
    dimensions for it: Li & He 2025), ``v`` (Salimans & Ho 2022) or the noise; ``schedule`` the
    noise levels.
    """

    side: int = Field(64, ge=16)
    channels: int = 1
    unshuffle: int = 4
    width: int = 32
    multipliers: tuple[int, ...] = (1, 2)
    blocks: int = 1
    attention: tuple[int, ...] = (8,)
    block_resampling: bool = False
    embedding: int = 128
    dropout: float = 0.0
    z: int = 96
    z_shift: bool = True
    z_map: bool = True
    encoder_width: int = 24
    encoder_multipliers: tuple[int, ...] = (1, 2, 4)
    pool: Literal["flat", "average"] = "flat"
    parametrisation: Literal["image", "v", "noise"] = "image"
    schedule: Literal["cosine", "linear"] = "cosine"


PUBLISHED = NetworkConfig(
    side=256,
    channels=3,
    unshuffle=1,
    width=128,
    multipliers=(1, 1, 2, 2, 4, 4),
    blocks=2,
    attention=(16,),
    block_resampling=True,
    embedding=512,
    dropout=0.1,
    z=512,
    z_shift=False,
    z_map=False,
    encoder_width=128,
    encoder_multipliers=(1, 1, 2, 2, 4, 4, 4),
    pool="average",
    parametrisation="noise",
    schedule="linear",
)
"""DiffChest's: 256 px, 168.5 million parameters, of which 30.2 million are the encoder."""

SHAPES: dict[str, NetworkConfig] = {
    "small": NetworkConfig(),
    "middle": NetworkConfig(
        side=128, multipliers=(1, 2, 2), z=128, encoder_multipliers=(1, 2, 4, 4)
    ),
    "published": PUBLISHED,
}
"""By name in recipes."""


class _Builder:
    """What both networks have in common while they are put together."""

    def __init__(self, config: NetworkConfig, conditioned: bool) -> None:
        self.config = config
        self.conditions = (
            {
                "embedding": config.embedding,
                "code": config.z,
                "code_shift": config.z_shift,
                "dropout": config.dropout,
            }
            if conditioned
            else {}
        )

    def block(self, channels: int, out: int, resample: Resample | None = None) -> ResBlock:
        return ResBlock(channels, out, resample=resample, **self.conditions)  # type: ignore[arg-type]

    def change(self, channels: int, up: bool) -> nn.Module:
        if self.config.block_resampling:
            return self.block(channels, channels, Resample(up))
        return Resample(up, channels)

    def around(self, channels: int, out: int, side: int) -> list[nn.Module]:
        layers: list[nn.Module] = [self.block(channels, out)]
        if side in self.config.attention:
            layers.append(Attention(out))
        return layers

    def middle(self, channels: int) -> Conditioned:
        return Conditioned(
            self.block(channels, channels), Attention(channels), self.block(channels, channels)
        )

    def descent(
        self, first: int, width: int, multipliers: tuple[int, ...], side: int
    ) -> tuple[nn.ModuleList, list[list[int]], int]:
        """The blocks down to the lowest resolution, their widths level by level, the last one."""
        channels = width * multipliers[0]
        blocks = nn.ModuleList([Conditioned(nn.Conv2d(first, channels, 3, padding=1))])
        widths: list[list[int]] = [[channels]]
        for level, multiplier in enumerate(multipliers):
            for _ in range(self.config.blocks):
                blocks.append(Conditioned(*self.around(channels, width * multiplier, side)))
                channels = width * multiplier
                widths[level].append(channels)
            if level < len(multipliers) - 1:
                side //= 2
                blocks.append(Conditioned(self.change(channels, up=False)))
                widths.append([channels])
        return blocks, widths, channels


class Encoder(nn.Module):
    """Images [n, c, s, s] in −1…1 → z [n, d]."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.unshuffle = config.unshuffle
        builder = _Builder(config, conditioned=False)
        side = config.side // config.unshuffle
        self.input_blocks, _, channels = builder.descent(
            config.channels * config.unshuffle**2,
            config.encoder_width,
            config.encoder_multipliers,
            side,
        )
        self.middle_block = builder.middle(channels)
        least = side >> (len(config.encoder_multipliers) - 1)
        self.out = (
            nn.Sequential(
                normalisation(channels),
                nn.SiLU(),
                nn.AdaptiveAvgPool2d((1, 1)),
                nn.Conv2d(channels, config.z, 1),
                nn.Flatten(),
            )
            if config.pool == "average"
            else nn.Sequential(
                normalisation(channels),
                nn.SiLU(),
                nn.Flatten(),
                nn.Linear(channels * least * least, config.z),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """The semantic codes."""
        h = functional.pixel_unshuffle(x, self.unshuffle)
        for block in self.input_blocks:
            h = block(h)
        z: Tensor = self.out(self.middle_block(h))
        return z.float()


class Denoiser(nn.Module):
    """Noisy images [n, c, s, s], times 0…1000 [n] and z [n, d] → what the noise level calls for."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.unshuffle, self.width = config.unshuffle, config.width
        builder = _Builder(config, conditioned=True)
        own = config.channels * config.unshuffle**2
        self.time_embed = nn.Sequential(
            nn.Linear(config.width, config.embedding),
            nn.SiLU(),
            nn.Linear(config.embedding, config.embedding),
        )
        side = config.side // config.unshuffle
        self.input_blocks, widths, channels = builder.descent(
            own, config.width, config.multipliers, side
        )
        self.middle_block = builder.middle(channels)
        self.output_blocks = nn.ModuleList()
        side >>= len(config.multipliers) - 1
        self.code_map = nn.Linear(config.z, channels * side * side) if config.z_map else None
        for level, multiplier in reversed(list(enumerate(config.multipliers))):
            for number in range(config.blocks + 1):
                out = config.width * multiplier
                layers = builder.around(channels + widths[level].pop(), out, side)
                channels = out
                if level and number == config.blocks:
                    side *= 2
                    layers.append(builder.change(channels, up=True))
                self.output_blocks.append(Conditioned(*layers))
        last = nn.Conv2d(channels, own, 3, padding=1)
        nn.init.zeros_(last.weight)
        self.out = nn.Sequential(normalisation(channels), nn.SiLU(), last)

    def forward(self, x: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """The prediction, float32 of the shape of x."""
        time = self.time_embed(time_embedding(t, self.width))
        h = functional.pixel_unshuffle(x, self.unshuffle)
        kept = []
        for block in self.input_blocks:
            h = block(h, time, z)
            kept.append(h)
        if self.code_map is not None:
            h = h + self.code_map(z).view(h.shape)
        h = self.middle_block(h, time, z)
        for block in self.output_blocks:
            h = block(torch.cat([h, kept.pop()], dim=1), time, z)
        h = self.out(h)
        return functional.pixel_shuffle(h, self.unshuffle).float()
