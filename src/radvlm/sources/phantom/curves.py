"""Curves of the body on a common axis, and the lookup that evaluates them for every pixel.

The body frame is in centimetres: u runs to the right of the image (the patient's left) from the
midline, v downwards from the lung apices, and w = |u| outwards from the midline. A curve is
float32 [2, n], one row a side (0: right, 1: left), sampled on ``AXIS``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Curve = NDArray[np.float32]

LOW, HIGH, PER_CM = -30.0, 50.0, 25
AXIS = np.linspace(LOW, HIGH, int((HIGH - LOW) * PER_CM) + 1)


def curve(right: ArrayLike, left: ArrayLike) -> Curve:
    """A curve of both sides from two arrays on ``AXIS``."""
    return np.array([right, left], dtype=np.float32)


def on_one_side(side: int, values: ArrayLike, elsewhere: ArrayLike = 99.0) -> Curve:
    """A curve of one side; the other has a constant, by default out of reach."""
    other = np.broadcast_to(np.asarray(elsewhere), AXIS.shape)
    return curve(values, other) if side == 0 else curve(other, values)


def at(values: Curve, side: int, where: ArrayLike) -> NDArray[np.float64]:
    """The curve of one side at coordinates in cm, linearly interpolated."""
    found: NDArray[np.float64] = np.interp(np.asarray(where, np.float64), AXIS, values[side])
    return found


def corners(half_width: float, half_height: float) -> Points:
    """Corners [4, 2] of a rectangle around the origin, in order."""
    signs = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    scaled: Points = signs * np.array([half_width, half_height])
    return scaled


def unit(values: Floats) -> Floats:
    """Values cut to 0…1."""
    above = np.maximum(values, np.float32(0))
    cut: Floats = np.minimum(above, np.float32(1), out=above)
    return cut


@dataclass(frozen=True, slots=True)
class Grid:
    """Body coordinates of every pixel centre, float32 [height, width].

    ``pixel`` is the size of a pixel in cm; ``along_v`` and ``along_w`` index flattened curves.
    """

    u: Floats
    v: Floats
    w: Floats
    pixel: float
    along_v: NDArray[np.intp]
    along_w: NDArray[np.intp]

    @classmethod
    def of(cls, u: Floats, v: Floats, pixel: float) -> Grid:
        """The grid of pixels at (u, v)."""
        w = np.abs(u)
        half = np.where(u > 0, len(AXIS), 0)
        return cls(u, v, w, pixel, _index(v) + half, _index(w) + half)

    def cut(self, rows: slice, columns: slice) -> Grid:
        """The grid of a window of the image."""
        part = np.s_[rows, columns]
        curves = self.along_v[part], self.along_w[part]
        return Grid(self.u[part], self.v[part], self.w[part], self.pixel, *curves)

    def by_v(self, values: Curve) -> Floats:
        """A curve over v, of the side each pixel is on."""
        return values.ravel().take(self.along_v)

    def by_w(self, values: Curve) -> Floats:
        """A curve over w, of the side each pixel is on."""
        return values.ravel().take(self.along_w)

    def inside(self, distance: Floats, softness: float = 0.0) -> Floats:
        """1 where ``distance`` (cm) is positive, 0 where negative, soft over an edge."""
        width = max(softness, self.pixel)
        return unit(distance * np.float32(1 / width) + np.float32(0.5))


def _index(values: Floats) -> NDArray[np.intp]:
    scaled = (values - np.float32(LOW)) * np.float32(PER_CM) + np.float32(0.5)
    cut: Floats = np.clip(scaled, np.float32(0), np.float32(len(AXIS) - 1))
    return cut.astype(np.intp)
