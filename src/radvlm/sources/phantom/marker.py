"""The radiographer's letter of lead, "R" or "L", plain, in a square or in a circle."""

from __future__ import annotations

import numpy as np

from radvlm.sources.phantom.camera import Camera
from radvlm.sources.phantom.curves import Floats, Points
from radvlm.sources.phantom.factors import MarkerShape
from radvlm.sources.phantom.strokes import raster_pixels

LETTERS: dict[str, tuple[tuple[float, float], ...]] = {
    "L": ((-0.5, -1.0), (-0.5, 1.0), (0.6, 1.0)),
    "R": (
        (-0.5, 1.0),
        (-0.5, -1.0),
        (0.2, -1.0),
        (0.55, -0.75),
        (0.55, -0.25),
        (0.2, 0.0),
        (-0.5, 0.0),
        (0.1, 0.0),
        (0.6, 1.0),
    ),
}


def add_marker(shown: Floats, rng: np.random.Generator, camera: Camera, shape: MarkerShape) -> None:
    """Lay the marker over an upper corner of the field of ``shown`` (brightness), in place.

    "R" stands on the left of the image (the patient's right), "L" on the right.
    """
    letter = "RL"[int(rng.integers(2))]
    half = rng.uniform(0.018, 0.026) * max(camera.width, camera.height)
    x1, y1, x2, _ = camera.field
    inset = rng.uniform(2.2, 3.4, 2) * half
    x = x1 * camera.width + inset[0] if letter == "R" else x2 * camera.width - inset[0]
    y = y1 * camera.height + inset[1]
    left, top, size = max(int(x - 2.2 * half), 0), max(int(y - 2.2 * half), 0), int(4.4 * half) + 1
    corner = shown[top : top + size, left : left + size]
    centre = np.array([x - left, y - top])
    thick = max(0.4 * half, 1.0)
    lines: list[tuple[Points, float, float]] = [
        (centre + half * np.array(LETTERS[letter]), thick, 1.0)
    ]
    if shape != "plain":
        lines.append((centre + 1.7 * half * _frame(shape), 0.8 * thick, 1.0))
    height, width = corner.shape
    corner += raster_pixels((width, height), lines) * (1 - corner)


def _frame(shape: MarkerShape) -> Points:
    if shape == "boxed":
        return np.array([(-1.0, -1.0), (1, -1), (1, 1), (-1, 1), (-1, -1.0)])
    angle = np.linspace(0, 2 * np.pi, 25)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * 1.05
