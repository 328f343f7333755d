"""Findings of the pleura: effusion, pneumothorax, thickening."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.chest import AIR, lung_field
from radvlm.sources.phantom.curves import AXIS, Points, at, on_one_side, unit
from radvlm.sources.phantom.factors import SIDES
from radvlm.sources.phantom.layers import Layers
from radvlm.sources.phantom.signs import Sign


def place_effusion(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """Fluid with a meniscus that rises along the chest wall, on one side or both."""
    sides = [(0,), (1,), (0, 1)][int(rng.choice(3, p=[0.36, 0.36, 0.28]))]
    return [effusion(rng, anatomy, side) for side in sides]


def effusion(rng: np.random.Generator, anatomy: Anatomy, side: int, across: bool = False) -> Sign:
    """Fluid on one side (0: right); with ``across``, level on the other side too."""
    size = int(rng.choice(3, p=[0.4, 0.35, 0.25]))
    s, dome = anatomy.scale, anatomy.dome_top[side]
    depth = rng.uniform(*((0.3, 1.2), (-4.5, -2.0), (-9.0, -6.5))[size]) * s
    climb = rng.uniform(3.4, 4.6) * s
    wall = np.exp((AXIS - 0.97 * anatomy.half_width) / (rng.uniform(2.0, 2.8) * s))
    surface = dome + depth - climb * np.minimum(wall, 1.2)
    level = float(np.interp(0, AXIS, surface)) if across else 99.0
    fluid = on_one_side(side, surface, level)

    def draw(layers: Layers) -> None:
        grid = layers.grid
        mask = grid.inside(grid.v - grid.by_w(fluid), 0.7)
        layers.fill(mask, 0.95)
        layers.vessels *= 1 - mask

    severity = ("small", "moderate", "large")[size]
    outline = _filled(anatomy, side, surface)
    if across:
        outline = np.concatenate([outline, _filled(anatomy, 1 - side, np.full_like(AXIS, level))])
    return Sign("Pleural Effusion", SIDES[side], "base", severity, (outline,), draw)


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
    lung = on_one_side(side, line)

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
            SIDES[side],
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


def place_thickening(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """Scalloped thickening with calcium along one lateral chest wall."""
    side, s = int(rng.integers(2)), anatomy.scale
    top = rng.uniform(0.22, 0.34) * anatomy.dome_top[side]
    bottom = top + rng.uniform(0.38, 0.5) * anatomy.dome_top[side]
    waves, phase = rng.uniform(2, 3.5), rng.uniform(0, 6.28)
    along = np.clip((AXIS - top) / (bottom - top), 0, 1)
    height = rng.uniform(1.6, 2.2) * s * np.sin(np.pi * along) ** 0.6
    height = height * (1 + 0.3 * np.sin(2 * np.pi * waves * along + phase))
    wall = np.asarray(anatomy.lateral[side], dtype=np.float64)
    inner = np.where((along > 0) & (along < 1), wall - height, 99.0)
    line = on_one_side(side, inner)

    def draw(layers: Layers) -> None:
        grid = layers.grid
        off = grid.w - grid.by_v(line)
        mask = grid.inside(off, 0.2) * lung_field(anatomy, grid)
        layers.fill(mask, 0.9)
        layers.vessels *= 1 - mask
        layers.bone += unit(1 - np.abs(off - np.float32(0.3 * s)) * np.float32(3 / s)) * mask * 3

    outline = _freed(anatomy, side, inner, bottom)
    return [Sign("Pleural Other", SIDES[side], None, None, (outline,), draw)]
