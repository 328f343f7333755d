"""Rib fractures: the outer parts of neighbouring ribs stand lower, with a callus at each break."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radvlm.sources.phantom import bones
from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.curves import Floats, Points, corners, unit
from radvlm.sources.phantom.factors import SIDES, Streams
from radvlm.sources.phantom.layers import Layers
from radvlm.sources.phantom.signs import Sign

CALLUS = 5.0
"""Thickness of the callus in cm of water."""


def place_fracture(rng: np.random.Generator, anatomy: Anatomy, streams: Streams) -> Sequence[Sign]:
    """Two or three neighbouring posterior ribs of this patient, with one box around them."""
    ribs, s = bones.sample_ribs(anatomy, streams), anatomy.scale
    side = int(rng.integers(2))
    part = float(rng.uniform(0.6, 0.76))
    w = part * anatomy.half_width
    numbers = int(rng.integers(3, 6)) + np.arange(int(rng.integers(2, 4)))
    course = ribs.droop * part**3 - 0.18 * ribs.droop * part
    step = rng.uniform(0.32, 0.42) * ribs.spacing
    breaks: Points = ribs.first + ribs.spacing * numbers + np.float64(course + 0.5 * step)
    middle = np.array([w if side else -w, breaks.mean()])
    half = 1.9 * s, float(breaks[-1] - breaks[0]) / 2 + 0.55 * ribs.spacing

    def draw(layers: Layers) -> None:
        grid = layers.grid
        out = (grid.u - np.float32(middle[0])) * np.float32((1 if side else -1) / s)
        near = unit((np.float32(half[0] / s) - np.abs(out)) * 3)
        near *= unit((np.float32(half[1]) - np.abs(grid.v - np.float32(middle[1]))) * 3)
        whole = bones.draw_ribs(ribs, anatomy, grid)
        fallen = bones.draw_ribs(ribs, anatomy, grid, shift=step)
        outer = unit(out * 4 + np.float32(0.5))
        broken: Floats = whole * (1 - outer) + fallen * outer
        broken += _calluses(out, grid.v * np.float32(1 / s), breaks / s)
        broken *= unit(np.abs(out + np.float32(0.25)) * 8 - np.float32(0.6))
        layers.bone += near * (broken - whole)

    return [Sign("Fracture", SIDES[side], None, None, (middle + corners(*half),), draw)]


def _calluses(out: Floats, v: Floats, breaks: Points) -> Floats:
    """Bulbs of new bone around the breaks; all lengths in units of the patient's scale."""
    bulbs = [1 - np.hypot(out, (v - np.float32(level)) * np.float32(1.35)) for level in breaks]
    thick: Floats = np.float32(CALLUS) * unit(np.maximum.reduce(bulbs) * 2)
    return thick
