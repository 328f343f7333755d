"""Trachea, bronchi, pulmonary vessels, breasts and gas in the abdomen."""

from __future__ import annotations

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.curves import Floats, Grid, Points, corners, unit
from radvlm.sources.phantom.layers import Layers
from radvlm.sources.phantom.strokes import Stroke, hull, raster, smooth


def tracheal_strokes(anatomy: Anatomy) -> list[Stroke]:
    """Column of air from the neck to the carina and into both main bronchi."""
    s, carina = anatomy.scale, anatomy.carina
    tube = np.array([(0.0, -12.0 * s), (0.15 * s, 0.4 * carina), (0.0, carina)])
    right = np.array(
        [(0.0, carina - 0.4 * s), (-1.5 * s, carina + 1.3 * s), (-3.2 * s, carina + 3.2 * s)]
    )
    left = np.array(
        [(0.0, carina - 0.4 * s), (1.9 * s, carina + 1.1 * s), (4.0 * s, carina + 2.1 * s)]
    )
    return [
        Stroke(smooth(right), 1.3 * s, 0.75),
        Stroke(smooth(left), 1.1 * s, 0.7),
        Stroke(smooth(tube), 1.7 * s, 1.0),
    ]


def vascular_strokes(rng: np.random.Generator, anatomy: Anatomy) -> list[Stroke]:
    """Vessels that leave each hilum, divide twice and thin out towards the pleura."""
    angle = np.tile(np.linspace(-1.25, 1.4, 9), 2) + rng.uniform(-0.12, 0.12, 18)
    sign = np.repeat([-1.0, 1.0], 9)
    start = np.repeat([hilum(anatomy, 0), hilum(anatomy, 1)], 9, axis=0)
    length = anatomy.scale * rng.uniform(3.2, 5.0, 18) * np.where(angle > 0.5, 1.25, 1.0)
    width = 0.55 * anatomy.scale
    strokes: list[Stroke] = []
    for strength in (0.58, 0.42, 0.26):
        bend = angle + rng.uniform(-0.25, 0.25, len(angle))
        middle = start + _towards(sign, angle, 0.5 * length)
        end = middle + _towards(sign, bend, 0.5 * length)
        paths = np.stack([start, middle, end], axis=1)
        strokes += [Stroke(path, width, strength) for path in paths]
        fork = rng.uniform(0.22, 0.5, (2, len(bend)))
        angle = np.concatenate([bend + fork[0], bend - fork[1]])
        sign, start, length = np.tile(sign, 2), np.tile(end, (2, 1)), np.tile(0.8 * length, 2)
        width *= 0.6
    return strokes[::-1]


def _towards(sign: Points, angle: Points, length: Points) -> Points:
    return np.stack([sign * np.cos(angle), np.sin(angle)], axis=1) * length[:, None]


def hilum(anatomy: Anatomy, side: int) -> Points:
    """Centre (u, v) of a hilum; the left one stands higher."""
    s = anatomy.scale
    return np.array([(1 if side else -1) * 3.4 * s, anatomy.carina + (2.5 - 1.0 * side) * s])


def add_trachea(layers: Layers, anatomy: Anatomy) -> None:
    """Take the air of trachea and main bronchi out of the soft tissue."""
    strokes = tracheal_strokes(anatomy)
    part = layers.near(hull(strokes))
    part.soft -= raster(part.camera, strokes) * np.float32(2.4 * anatomy.scale)


def add_breasts(layers: Layers, anatomy: Anatomy, rng: np.random.Generator) -> None:
    """Both breasts, with the sharp lower fold of a standing patient."""
    s = anatomy.scale
    v = anatomy.dome_top[0] - rng.uniform(1.0, 4.0) * s
    full = rng.uniform(1.6, 3.2) * s
    for sign in (-1, 1):
        centre = np.array([sign * 0.56 * anatomy.half_width, v])
        part = layers.near(centre + corners(6.6 * s, 6.2 * s))
        lower = unit((part.grid.v - np.float32(v - 5 * s)) * np.float32(1 / (7 * s)))
        part.soft += full * _ball(part.grid, centre, 6.6 * s, 6.2 * s) * lower


def add_gas(layers: Layers, anatomy: Anatomy, rng: np.random.Generator) -> None:
    """Gas in the stomach, below the left dome, and in some loops of bowel."""
    s, left = anatomy.scale, anatomy.dome_top[1]
    high = rng.uniform(1.6, 2.4) * s
    wide = 1.25 * high
    loops = [(np.array([6.3 * s, left + high + 1.1 * s]), wide, high, 4.5)]
    for _ in range(3):
        centre = np.array([rng.uniform(-9, 9), rng.uniform(7.5, 15)]) * s
        axes = rng.uniform(1.2, 3) * s, rng.uniform(1, 1.8) * s
        loops.append((centre + np.array([0.0, left]), *axes, 2.5))
    for number, (centre, a, b, depth) in enumerate(loops):
        part = layers.near(centre + corners(a, b))
        gas = _ball(part.grid, centre, a, b) * np.float32(depth * s)
        if number == 0 and not anatomy.supine:
            gas *= unit((np.float32(centre[1] + 0.5 * b) - part.grid.v) * 4)
        part.soft -= gas


def _ball(grid: Grid, centre: Points, a: float, b: float) -> Floats:
    across = (grid.u - np.float32(centre[0])) * np.float32(1 / a)
    down = (grid.v - np.float32(centre[1])) * np.float32(1 / b)
    ball: Floats = np.sqrt(np.maximum(1 - across**2 - down**2, np.float32(0)))
    return ball
