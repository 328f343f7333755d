"""Where the chest falls on the image: size, collimation, zoom, shift and roll.

The variation is wide on purpose, so that a region's mean box says little and a model has to look.
The lungs always stay inside the collimated field, up to a few per cent at the edges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from radvlm.records import Box
from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.curves import Grid, Points

MIN_VISIBLE = 0.4
"""Least share of a box's area inside the field for it to be given."""

MIN_SIDE = 0.01
"""Least side of a box as a fraction of the image."""


@dataclass(frozen=True, slots=True)
class Camera:
    """An image of ``width`` × ``height`` pixels of the body frame.

    ``scale`` is in pixels per cm, ``roll`` in radians (clockwise), ``centre`` the pixel where the
    body point ``origin`` falls, ``field`` the collimated rectangle as fractions of the image.
    """

    width: int
    height: int
    scale: float
    roll: float
    centre: tuple[float, float]
    origin: tuple[float, float]
    field: tuple[float, float, float, float]

    def grid(self) -> Grid:
        """Body coordinates of every pixel centre."""
        x = (np.arange(self.width, dtype=np.float32) + np.float32(0.5 - self.centre[0]))[None, :]
        y = (np.arange(self.height, dtype=np.float32) + np.float32(0.5 - self.centre[1]))[:, None]
        cos, sin = np.float32(np.cos(self.roll)), np.float32(np.sin(self.roll))
        per_pixel = np.float32(1 / self.scale)
        u = (x * cos + y * sin) * per_pixel + np.float32(self.origin[0])
        v = (y * cos - x * sin) * per_pixel + np.float32(self.origin[1])
        return Grid.of(u, v, 1 / self.scale)

    def pixels(self, points: Points) -> Points:
        """Body points [n, 2] (u, v) in cm → image points [n, 2] (x, y) in pixels."""
        cos, sin = self.scale * math.cos(self.roll), self.scale * math.sin(self.roll)
        turn = np.array([(cos, sin), (-sin, cos)])
        xy: Points = (points - np.array(self.origin)) @ turn + np.array(self.centre)
        return xy

    def window(self, points: Points, margin: float) -> tuple[slice, slice]:
        """Rows and columns around body points, ``margin`` cm and two pixels more on each side."""
        spare = margin * self.scale + 2
        xy = self.pixels(points)
        (left, top), (right, bottom) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
        return _range(top - spare, bottom + spare, self.height), _range(
            left - spare, right + spare, self.width
        )

    def cut(self, rows: slice, columns: slice) -> Camera:
        """The camera of a window of the image; its field is meaningless."""
        x, y = self.centre
        return replace(
            self,
            width=columns.stop - columns.start,
            height=rows.stop - rows.start,
            centre=(x - columns.start, y - rows.start),
        )

    def boxes(self, outlines: Sequence[Points]) -> list[Box | None]:
        """The box around each set of body points, cut to the field.

        None where less than ``MIN_VISIBLE`` of it, or nothing, lies inside the field.
        """
        starts = np.cumsum([0, *(len(points) for points in outlines[:-1])])
        xy = self.pixels(np.concatenate(outlines)) / np.array([self.width, self.height])
        low, high = np.minimum.reduceat(xy, starts), np.maximum.reduceat(xy, starts)
        cut_low, cut_high = np.maximum(low, self.field[:2]), np.minimum(high, self.field[2:])
        seen = np.clip(cut_high - cut_low, 0, None)
        clear = seen.prod(axis=1) >= MIN_VISIBLE * (high - low).prod(axis=1)
        clear &= seen.min(axis=1) >= MIN_SIDE
        return [
            Box(*corners) if ok else None
            for ok, corners in zip(clear, np.hstack([cut_low, cut_high]).tolist(), strict=True)
        ]


def _range(low: float, high: float, size: int) -> slice:
    """Whole pixels from ``low`` to ``high``, at least one, inside an image of that size."""
    start = min(max(math.floor(low), 0), size - 1)
    return slice(start, min(max(math.ceil(high), start + 1), size))


def aim(rng: np.random.Generator, anatomy: Anatomy, size: int, pose: float = 1.0) -> Camera:
    """Place a chest on an image whose longer side has ``size`` pixels.

    ``pose`` 0…1 is how far it strays from the usual place, size and shape.
    """
    still = 1 - pose
    aspect = rng.uniform(0.82, 1.18) * pose + still
    width, height = (size, round(size / aspect)) if aspect > 1 else (round(size * aspect), size)
    margins = rng.uniform(0, 0.12, 4) * (rng.random(4) < 0.45) * pose
    field = (margins[0], margins[1], 1 - margins[2], 1 - margins[3])
    roll = float(np.radians(rng.uniform(-8, 8))) * pose
    low = np.array([-anatomy.half_width, 0.0])
    high = np.array([anatomy.half_width, anatomy.dome_top[1] + 3.5 * anatomy.scale])
    middle = (low + high) / 2
    span = np.abs(np.cos(roll)) * (high - low) + np.abs(np.sin(roll)) * (high - low)[::-1]
    room = np.array([(field[2] - field[0]) * width, (field[3] - field[1]) * height])
    scale = float((room / span).min() * (rng.uniform(0.66, 0.98) * pose + 0.82 * still))
    slack = np.clip((room - span * scale) / 2, 0.01 * size, 0.12 * size)
    where = np.array([(field[0] + field[2]) / 2 * width, (field[1] + field[3]) / 2 * height])
    x, y = where + rng.uniform(-1, 1, 2) * slack * pose
    return Camera(
        width=width,
        height=height,
        scale=scale,
        roll=roll,
        centre=(float(x), float(y)),
        origin=(float(middle[0]), float(middle[1])),
        field=(float(field[0]), float(field[1]), float(field[2]), float(field[3])),
    )
