"""Trachea, bronchi, pulmonary vessels, breasts and gas in the abdomen."""

from __future__ import annotations

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy, Ellipse
from radvlm.sources.phantom.curves import Floats, Grid, Points, unit
from radvlm.sources.phantom.strokes import Stroke, smooth


def tracheal_strokes(anatomy: Anatomy) -> list[Stroke]:
    """Column of air from the neck to the carina and into both main bronchi."""
    s, carina = anatomy.scale, anatomy.carina
    tube = np.array([(0.0, -12.0 * s), (0.15 * s, 0.4 * carina), (0.0, carina)])
    right = np.array([(0.0, carina - 0.4 * s), (-1.5 * s, carina + 1.3 * s), (-3.2 * s, carina + 3.2 * s)])
    left = np.array([(0.0, carina - 0.4 * s), (1.9 * s, carina + 1.1 * s), (4.0 * s, carina + 2.1 * s)])
    return [
        Stroke(smooth(right), 1.3 * s, 0.75),
        Stroke(smooth(left), 1.1 * s, 0.7),
        Stroke(smooth(tube), 1.7 * s, 1.0),
    ]


def vascular_strokes(rng: np.random.Generator, anatomy: Anatomy) -> list[Stroke]:
    """Vessels that leave each hilum, divide twice and thin out towards the pleura."""
    strokes: list[Stroke] = []
    for side, sign in enumerate((-1.0, 1.0)):
        root = hilum(anatomy, side)
        for angle in np.linspace(-1.25, 1.4, 9) + rng.uniform(-0.12, 0.12, 9):
            reach = anatomy.scale * rng.uniform(3.2, 5.0) * (1.25 if angle > 0.5 else 1.0)
            _branch(rng, strokes, root, float(angle), reach, 0.62 * anatomy.scale, sign, 3)
    strokes.sort(key=lambda stroke: stroke.strength)
    return strokes


def _branch(
    rng: np.random.Generator,
    strokes: list[Stroke],
    start: Points,
    angle: float,
    length: float,
    width: float,
    sign: float,
    divisions: int,
) -> None:
    bend = angle + rng.uniform(-0.25, 0.25)
    middle = start + 0.5 * length * np.array([sign * np.cos(angle), np.sin(angle)])
    end = middle + 0.5 * length * np.array([sign * np.cos(bend), np.sin(bend)])
    strokes.append(Stroke(np.array([start, middle, end]), width, 0.30 + 0.22 * divisions))
    if divisions > 1:
        for turn in (-1, 1):
            fork = bend + turn * rng.uniform(0.22, 0.5)
            _branch(rng, strokes, end, fork, 0.8 * length, 0.62 * width, sign, divisions - 1)


def hilum(anatomy: Anatomy, side: int) -> Points:
    """Centre (u, v) of a hilum; the left one stands higher."""
    s = anatomy.scale
    return np.array([(1 if side else -1) * 3.4 * s, anatomy.carina + (2.5 - 1.0 * side) * s])


def draw_breasts(rng: np.random.Generator, anatomy: Anatomy, grid: Grid) -> Floats:
    """Thickness of both breasts, with the sharp lower fold of a standing patient."""
    s = anatomy.scale
    v = anatomy.dome_top[0] - rng.uniform(1.0, 4.0) * s
    shape = Ellipse(0.56 * anatomy.half_width, v, 6.6 * s, 6.2 * s, 0.0)
    radius = np.hypot(
        (grid.w - np.float32(shape.u)) / np.float32(shape.long),
        (grid.v - np.float32(shape.v)) / np.float32(shape.short),
    )
    full = np.float32(rng.uniform(1.6, 3.2) * s)
    lower = unit((grid.v - np.float32(v - 5 * s)) / np.float32(7 * s))
    return full * np.sqrt(np.maximum(1 - radius**2, np.float32(0))) * lower


def draw_gas(rng: np.random.Generator, anatomy: Anatomy, grid: Grid) -> Floats:
    """Thickness of gas: the gastric bubble below the left dome, and some loops of bowel."""
    s, left = anatomy.scale, anatomy.dome_top[1]
    bubble = rng.uniform(1.6, 2.6) * s
    gas = 4.5 * _ball(grid, 6.3 * s, left + bubble + 0.9 * s, 1.25 * bubble, bubble)
    if not anatomy.supine:
        gas = gas * unit((np.float32(left + 1.5 * bubble + 0.9 * s) - grid.v) * 4)
    for _ in range(3):
        u, v = rng.uniform(-9, 9) * s, left + rng.uniform(7.5, 15) * s
        gas = gas + 2.5 * _ball(grid, u, v, rng.uniform(1.2, 3) * s, rng.uniform(1, 1.8) * s)
    return gas * s


def _ball(grid: Grid, u: float, v: float, a: float, b: float) -> Floats:
    across = (grid.u - np.float32(u)) * np.float32(1 / a)
    down = (grid.v - np.float32(v)) * np.float32(1 / b)
    return np.sqrt(np.maximum(1 - across**2 - down**2, np.float32(0)))
