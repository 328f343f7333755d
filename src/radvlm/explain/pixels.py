"""Radiographs as the autoencoder takes them, and back: uint8 [h, w] ↔ float32 [n, 1, s, s] in −1…1.

Files are read by ``io.image`` as for every other model here. An image is scaled to a square without
cropping and never mirrored: sides and markers have to stay where they are.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from radvlm.protocols import Pixels


def to_square(pixels: Pixels, side: int) -> Pixels:
    """The whole image as uint8 [side, side]; every pixel counts where it is made smaller."""
    if pixels.shape == (side, side):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


def to_tensor(images: Pixels) -> torch.Tensor:
    """uint8 [n, s, s] → float32 [n, 1, s, s] in −1…1."""
    return torch.from_numpy(images.astype(np.float32)).div_(127.5).sub_(1.0)[:, None]


def to_pixels(images: torch.Tensor) -> Pixels:
    """Float [n, 1, s, s] in −1…1 → uint8 [n, s, s]."""
    grey = images.detach().float().add(1.0).mul(127.5).round().clamp(0, 255)
    return grey[:, 0].to(torch.uint8).cpu().numpy()


def unsquared(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """uint8 [s, s] brought back to the aspect of an image of ``size`` (width, height)."""
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
