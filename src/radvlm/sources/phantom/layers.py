"""The layers a radiograph is composed of, and the film that turns them into grey levels.

Thicknesses add up along the ray (Beer–Lambert); only at the end are they exponentiated, blurred,
given quantum noise and shown through the usual logarithmic window: air dark, bone bright. Nothing
here depends on the image as a whole, so a local change stays local.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radvlm.protocols import Pixels
from radvlm.sources.phantom.camera import Camera
from radvlm.sources.phantom.curves import Floats, Grid, Points

WATER = 0.2
"""Attenuation of water in 1/cm at the effective energy of a chest radiograph."""


@dataclass(slots=True)
class Layers:
    """Water-equivalent thicknesses in cm, float32 [height, width]; changed in place.

    ``air`` is what the lungs take away from ``soft``; ``vessels`` lie within them.
    """

    camera: Camera
    grid: Grid
    soft: Floats
    air: Floats
    vessels: Floats
    bone: Floats
    metal: Floats

    def near(self, points: Points) -> Layers:
        """The part around body points: the same memory, so changes show in the whole."""
        rows, columns = part = self.camera.window(points, margin=0.5)
        return Layers(
            self.camera.cut(rows, columns),
            self.grid.cut(rows, columns),
            self.soft[part],
            self.air[part],
            self.vessels[part],
            self.bone[part],
            self.metal[part],
        )

    def fill(self, mask: Floats, share: float) -> None:
        """Replace a share (0…1) of the air by fluid or tissue where ``mask`` is 1."""
        self.air *= 1 - np.float32(share) * mask


@dataclass(frozen=True, slots=True)
class Film:
    """Exposure (``centre``, the depth shown as middle grey), contrast and noise of one view."""

    centre: float
    contrast: float
    noise: float
    blur: float
    background: float


def sample_film(rng: np.random.Generator, thickness: float) -> Film:
    """A film exposed for a chest of ``thickness`` cm, more or less well."""
    return Film(
        centre=WATER * thickness * float(rng.uniform(0.60, 0.72)),
        contrast=float(rng.uniform(1.15, 1.6)),
        noise=float(rng.uniform(0.004, 0.012)),
        blur=float(rng.uniform(0.0, 0.2)),
        background=float(rng.uniform(0.0, 0.05)),
    )


def expose(layers: Layers, film: Film, rng: np.random.Generator) -> Floats:
    """Layers → brightness 0…1 as shown, float32 [height, width]."""
    depth = layers.soft - layers.air + layers.vessels + layers.bone + layers.metal
    through = np.exp(np.float32(-WATER) * np.maximum(depth, np.float32(0)))
    through = _blurred(through, np.float32(film.blur)) + np.float32(0.003)
    grain = rng.standard_normal(through.shape, dtype=np.float32)
    through += np.float32(film.noise) * np.sqrt(through) * grain
    level = -np.log(np.maximum(through, np.float32(1e-4))) - np.float32(film.centre)
    shown: Floats = 1 / (1 + np.exp(np.float32(-film.contrast) * level))
    return np.float32(film.background) + np.float32(1 - film.background) * shown


def to_pixels(shown: Floats) -> Pixels:
    """Brightness → uint8."""
    return (np.clip(shown, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _blurred(image: Floats, weight: np.float32) -> Floats:
    """Three taps in each direction; border pixels keep their own value on the outer side."""
    for turned in (image, image.T):
        source = turned.copy()
        turned[1:-1] += weight * (source[:-2] + source[2:] - 2 * source[1:-1])
        turned[0] += weight * (source[1] - source[0])
        turned[-1] += weight * (source[-2] - source[-1])
    return image
