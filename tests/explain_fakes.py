"""An autoencoder that is linear and exact, so that every step can be worked out by hand.

``explainer`` has probes on it that are worked out by hand as well.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radvlm.explain.autoencoder import AutoencoderCard, Codes
from radvlm.explain.decorrelation import Spread
from radvlm.explain.explainer import Explainer
from radvlm.explain.networks import NetworkConfig
from radvlm.explain.probes import Head, Tested
from radvlm.explain.session import Bank
from radvlm.protocols import Pixels

SIDE = 16


class Linear:
    """z is the grey of four pixels, less 128 and divided by 20; the noise is everything else."""

    card = AutoencoderCard(
        network=NetworkConfig(side=SIDE, z=4), scope="fake", access="open", images=1, data="none"
    )
    config = card.network
    steps, refine = 1, 0

    def encode(self, images: Pixels) -> Codes:
        return np.asarray((images[:, 0, :4].astype(np.float32) - 128) / 20, dtype=np.float32)

    def invert(self, images: Pixels, z: Codes) -> torch.Tensor:
        return torch.from_numpy(images.astype(np.float32))[:, None]

    def decode(self, noise: torch.Tensor, z: Codes) -> Pixels:
        images = noise[:, 0].numpy().copy()
        images[:, 0, :4] = np.clip(np.round(z * 20 + 128), 0, 255)
        return images.astype(np.uint8)

    def domain(self, images: Pixels) -> np.ndarray:
        """The higher, the nearer the image is to the grey 100 all over."""
        return np.asarray(40.0 - np.abs(images.astype(float) - 100).mean(axis=(1, 2)))

    def save(self, folder: Path) -> None:
        folder.mkdir()


FINDING, DEVICE, AGE, SEX = "Pleural Effusion", "pacemaker", "age>60", "sex=F"
HEADS = {
    FINDING: Head(FINDING, np.array([2.0, 0.0, 0.0, 0.0]), -1.0),
    DEVICE: Head(DEVICE, np.array([0.0, 1.5, 0.0, 0.0]), -0.5),
    AGE: Head(AGE, np.array([0.0, 0.0, 1.0, 0.0]), 0.0),
    SEX: Head(SEX, np.array([0.0, 0.0, 0.0, 1.0]), 0.0),
}
"""Each looks at one pixel; that of the sex is at chance."""

TOGETHER = 0.8
"""Correlation of the first two numbers of z: whatever adds the finding moves the device along."""

GOALS = dict.fromkeys(HEADS, (-math.log(19), math.log(19)))
"""Typical images are sure by 19 to 1."""

INTERVALS = {FINDING: (0.95, 0.99), DEVICE: (0.85, 0.93), AGE: (0.7, 0.8), SEX: (0.4, 0.6)}


def explainer(floor: float | None = None) -> Explainer:
    """What knows ``HEADS`` on the exact autoencoder; ``floor`` in dB bounds what is in domain."""
    model = linear()
    model.card = model.card.model_copy(update={"psnr": floor})
    covariance = np.eye(4)
    covariance[0, 1] = covariance[1, 0] = TOGETHER
    tested = {n: Tested(sum(ends) / 2, ends, 100, 50, 400) for n, ends in INTERVALS.items()}
    root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    spread = Spread(np.zeros(4), covariance, root)
    bank = Bank(HEADS, tested, {"Edema": "has no positive example"}, spread, GOALS, None)
    return Explainer(model, bank, "credentialed", 0.55)


def linear() -> Any:
    """The fake in the place of a ``DiffusionAutoencoder``."""
    return Linear()


def pictures(n: int, seed: int = 0) -> Pixels:
    """Images whose first four pixels lie around the middle grey."""
    return np.random.default_rng(seed).integers(110, 140, (n, SIDE, SIDE), dtype=np.uint8)
