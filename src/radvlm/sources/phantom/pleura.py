"""Findings of the pleura: effusion, pneumothorax, thickening."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.chest import AIR, lung_field
from radvlm.sources.phantom.curves import AXIS, Points, at, curve, unit
from radvlm.sources.phantom.factors import Side
from radvlm.sources.phantom.layers import Layers
from radvlm.sources.phantom.signs import Sign

SIDE: tuple[Side, Side] = ("right", "left")


def place_effusion(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """Fluid with a meniscus that rises along the chest wall, on one side or both."""
    sides = [(0,), (1,), (0, 1)][int(rng.choice(3, p=[0.36, 0.36, 0.28]))]
    return [_effusion(rng, anatomy, side) for side in sides]


def _effusion(rng: np.random.Generator, anatomy: Anatomy, side: int) -> Sign:
    size = int(rng.choice(3, p=[0.4, 0.35, 0.25]))
    s, dome = anatomy.scale, anatomy.dome_top[side]
    angle = dome + 3.6 * s
    rise = rng.uniform(*((3.6, 4.8), (6.0, 8.5), (10.0, 13.0))[size]) * s
    fall = rng.uniform(2.0, 3.2) * s
    level = angle - rise + np.clip((0.98 * anatomy.half_width - AXIS) / fall, 0, None) ** 0.8 * 0.9
    surface = np.minimum(level, angle - (rise - 3.0 * s) if size else 99)
    surface = surface + (1.5 * s if size else 0) * (1 - AXIS / anatomy.half_width)
    fluid = curve(surface if side == 0 else AXIS * 0 + 99, surface if side else AXIS * 0 + 99)

    def draw(layers: Layers) -> None:
        grid = layers.grid
        mask = grid.inside(grid.v - grid.by_w(fluid), 0.6)
        layers.fill(mask, 0.97)
        layers.vessels *= 1 - mask

    severity = ("small", "moderate", "large")[size]
    outline = _filled(anatomy, side, surface)
    return Sign("Pleural Effusion", SIDE[side], "base", severity, (outline,), draw)


def _filled(anatomy: Anatomy, side: int, surface: Points) -> Points:
    """Points of the lung field that lie below a fluid surface given over w."""
    w = np.arange(0.0, anatomy.half_width, 0.1)
    top = np.interp(w, AXIS, surface)
    bottom = at(anatomy.dome, side, w)
    rows = [np.stack([w, top + (bottom - top) * t], axis=1) for t in np.linspace(0, 0.999, 25)]
    points = np.concatenate(rows)[np.tile(bottom > top, 25)]
    points[:, 0] *= 1 if side else -1
    found: Points = points[anatomy.in_lung(side, points)]
    return found


def place_pneumothorax(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """Air without lung markings outside a thin pleural line, widest at the apex."""
    side, size = int(rng.integers(2)), int(rng.choice(3, p=[0.35, 0.4, 0.25]))
    s = anatomy.scale
    down = rng.uniform(*((2.4, 3.2), (3.5, 5.0), (6.0, 8.0))[size]) * s
    inward = rng.uniform(*((1.3, 1.9), (2.3, 3.3), (4.0, 5.5))[size]) * s
    low = anatomy.dome_top[side] * (0.75, 0.95, 1.2)[size]
    apart = inward * np.clip((low - AXIS) / (0.5 * low), 0, 1)
    wall = np.interp(AXIS - down * np.clip(1 - AXIS / low, 0, 1), AXIS, anatomy.lateral[side])
    line = np.where(low > AXIS, wall - apart, 99.0)
    lung = curve(line if side == 0 else AXIS * 0 + 99, line if side else AXIS * 0 + 99)

    def draw(layers: Layers) -> None:
        grid = layers.grid
        off = grid.w - grid.by_v(lung)
        field = lung_field(anatomy, grid)
        free = grid.inside(off, 0.25) * field
        layers.vessels *= 1 - free
        layers.air *= 1 + free * np.float32(1.0 / AIR - 1)
        thin = np.float32(max(0.25, 0.8 * grid.pixel))
        layers.soft += unit(1 - np.abs(off) / thin) * field * np.float32(2.4 * s)

    return [
        Sign(
            "Pneumothorax",
            SIDE[side],
            "apex",
            ("small", "moderate", "large")[size],
            (_freed(anatomy, side, line, low),),
            draw,
        )
    ]


def _freed(anatomy: Anatomy, side: int, line: Points, low: float) -> Points:
    """Points of the lung field outside the pleural line."""
    v = np.arange(-1.0, low, 0.1)
    outer, inner = at(anatomy.lateral, side, v), np.maximum(np.interp(v, AXIS, line), 0)
    rows = [np.stack([inner + (outer - inner) * t, v], axis=1) for t in np.linspace(0, 0.999, 25)]
    points = np.concatenate(rows)[np.tile(outer > inner, 25)]
    points[:, 0] *= 1 if side else -1
    found: Points = points[anatomy.in_lung(side, points)]
    return found
