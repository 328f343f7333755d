"""Lines and outlines as coverage: vessels, catheters, wires, letters.

Lines are drawn three times finer than the image and averaged, which makes them smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from radvlm.sources.phantom.camera import Camera
from radvlm.sources.phantom.curves import Floats, Points

FINER = 3
THINNEST = 0.7
"""Least width of a line in pixels, so that none is lost on a small image."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A polyline through ``points`` (cm), ``width`` cm wide; ``strength`` 0…1 is its grey."""

    points: Points
    width: float
    strength: float = 1.0


def raster(camera: Camera, strokes: Sequence[Stroke]) -> Floats:
    """Coverage × strength of all strokes, float32 [height, width] in 0…1; later ones on top."""
    every = camera.pixels(np.concatenate([s.points for s in strokes]))
    ends = np.cumsum([len(s.points) for s in strokes])
    lines = [
        (points, s.width * camera.scale, s.strength)
        for points, s in zip(np.split(every, ends[:-1]), strokes, strict=True)
    ]
    return raster_pixels((camera.width, camera.height), lines)


def raster_pixels(size: tuple[int, int], lines: Sequence[tuple[Points, float, float]]) -> Floats:
    """As ``raster``, of (points, width, strength) in pixels."""
    image = Image.new("L", (size[0] * FINER, size[1] * FINER))
    pen = ImageDraw.Draw(image)
    for points, width, strength in lines:
        thick = max(round(max(width, THINNEST) * FINER), 1)
        pen.line((points * FINER).ravel().tolist(), fill=round(255 * strength), width=thick)
    return np.asarray(image.reduce(FINER), dtype=np.float32) * np.float32(1 / 255)


def smooth(points: Points, rounds: int = 3) -> Points:
    """Round the corners of a polyline (Chaikin's algorithm); its ends stay."""
    for _ in range(rounds):
        a, b = points[:-1], points[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points


def dense(stroke: Stroke, n: int = 60) -> Stroke:
    """The same stroke with more points on its way."""
    order = np.arange(len(stroke.points))
    t = np.linspace(0, len(stroke.points) - 1, n)
    path = np.stack([np.interp(t, order, stroke.points[:, axis]) for axis in (0, 1)], axis=1)
    return Stroke(path, stroke.width, stroke.strength)


def hull(strokes: Sequence[Stroke]) -> Points:
    """Points that enclose the strokes with their width."""
    corners = np.array([(-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5)])
    return np.concatenate([s.points + c * s.width for s in strokes for c in corners])
