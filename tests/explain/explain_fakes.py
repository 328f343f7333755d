"""An autoencoder that is linear and exact, so that every step can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from radvlm.explain.autoencoder import AutoencoderCard, Codes
from radvlm.explain.networks import NetworkConfig
from radvlm.protocols import Pixels

SIDE = 16


class Linear:
    """z is the grey of four pixels, less 128 and divided by 20; the noise is everything else."""

    card = AutoencoderCard(
        network=NetworkConfig(side=SIDE, z=4), scope="fake", access="open", images=1, data="none"
    )
    config = card.network

    def encode(self, images: Pixels) -> Codes:
        return np.asarray((images[:, 0, :4].astype(np.float32) - 128) / 20, dtype=np.float32)

    def invert(self, images: Pixels, z: Codes) -> torch.Tensor:
        return torch.from_numpy(images.astype(np.float32))[:, None]

    def decode(self, noise: torch.Tensor, z: Codes) -> Pixels:
        images = noise[:, 0].numpy().copy()
        images[:, 0, :4] = np.clip(np.round(z * 20 + 128), 0, 255)
        return images.astype(np.uint8)


def linear() -> Any:
    """The fake in the place of a ``DiffusionAutoencoder``."""
    return Linear()


def pictures(n: int, seed: int = 0) -> Pixels:
    """Images whose first four pixels lie around the middle grey."""
    return np.random.default_rng(seed).integers(110, 140, (n, SIDE, SIDE), dtype=np.uint8)
