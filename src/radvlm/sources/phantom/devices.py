"""Support devices: what they are made of, the course they take, and one box around each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.curves import Points
from radvlm.sources.phantom.factors import SIDES, Side
from radvlm.sources.phantom.layers import Layers
from radvlm.sources.phantom.signs import Sign
from radvlm.sources.phantom.strokes import Stroke, hull, raster, smooth

METAL = 16.0
"""Thickness of metal in cm of water."""


def place_pacemaker(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """A generator below the clavicle with leads to the right atrium and ventricle."""
    s, sign, side = _chest_side(rng, anatomy, left=0.75)
    centre = np.array([sign * rng.uniform(7.6, 9.4), rng.uniform(4.6, 6.4)]) * s
    dome = anatomy.dome_top[1]
    vein = np.array([(sign * 6.2 * s, 2.2 * s), (sign * 3.0 * s, 2.4 * s), (-1.4 * s, 5.2 * s)])
    cava, atrium = (-1.8 * s, anatomy.carina + 1.5 * s), dome - 4.0 * s
    ends = [
        [(-1.4 * s, atrium), (-0.2 * s, atrium + 0.8 * s), (-0.3 * s, atrium - 1.6 * s)],
        [(-2.6 * s, dome - 3.0 * s), (-0.8 * s, dome - 1.2 * s), (4.2 * s, dome - 0.8 * s)],
    ]
    leads = [Stroke(smooth(np.array([centre, *vein, cava, *end])), 0.26 * s) for end in ends]
    tips = [Stroke(lead.points[-4:], 0.5 * s) for lead in leads]
    case = _disc(centre, 2.7 * s, 2.3 * s, rng.uniform(-0.4, 0.4))
    return [_sign("pacemaker", side, [*leads, *tips, *case], METAL)]


def place_port(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """A round reservoir on the chest wall with a catheter to the vena cava."""
    s, sign, side = _chest_side(rng, anatomy, left=0.25)
    centre = np.array([sign * rng.uniform(6.4, 8.6), rng.uniform(6.5, 8.5)]) * s
    tip = (-1.9 * s, anatomy.carina + rng.uniform(2.2, 4.0) * s)
    path = [centre, (sign * 6.6 * s, 2.8 * s), (sign * 4.2 * s, 0.9 * s), (sign * 2.0 * s, 2.6 * s)]
    tube = Stroke(smooth(np.array([*path, (-1.7 * s, 6.0 * s), tip])), 0.3 * s, 0.55)
    ring = Stroke(_ring(centre, 1.35 * s, 1.35 * s, 0.0), 0.55 * s)
    middle = Stroke(_ring(centre, 0.4 * s, 0.4 * s, 0.0), 0.8 * s, 0.6)
    return [_sign("port", side, [tube, middle, ring], METAL)]


def place_central_line(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """A catheter from the neck or below the clavicle that ends in the vena cava."""
    s, sign, side = _chest_side(rng, anatomy, left=0.35)
    tip = (-2.1 * s, anatomy.carina + rng.uniform(1.6, 3.6) * s)
    if rng.random() < 0.5:
        start = [(sign * 4.0 * s, -4.5 * s), (sign * 3.0 * s, -0.5 * s), (sign * 2.2 * s, 2.0 * s)]
    else:
        start = [(sign * 10.5 * s, 4.6 * s), (sign * 7.0 * s, 2.3 * s), (sign * 3.0 * s, 2.9 * s)]
    tube = Stroke(smooth(np.array([*start, (-1.9 * s, 6.0 * s), tip])), 0.4 * s)
    return [_sign("central line", side, [tube], METAL)]


def place_tube(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """An endotracheal tube whose tip lies some centimetres above the carina."""
    s = anatomy.scale
    tip = anatomy.carina - rng.uniform(2.0, 3.4) * s
    bend = rng.uniform(-0.3, 0.3) * s
    path = smooth(np.array([(bend, -7.0 * s), (-0.5 * bend, -2.0 * s), (0.1 * s, tip)]))
    wall = [Stroke(path + np.array([k * 0.55 * s, 0.0]), 0.2 * s, 0.75) for k in (-1, 1)]
    stripe = Stroke(path + np.array([0.3 * s, 0.0]), 0.3 * s)
    return [_sign("endotracheal tube", None, [*wall, stripe], 0.7 * METAL)]


def place_drain(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """A wide tube with a dense stripe that enters between the ribs and climbs to the apex."""
    s, side = anatomy.scale, int(rng.integers(2))
    sign = 1 if side else -1
    edge = anatomy.half_width
    entry = rng.uniform(0.56, 0.74) * anatomy.dome_top[0]
    path = np.array(
        [
            (sign * (edge + 2.4 * s), entry + 1.2 * s),
            (sign * edge, entry),
            (sign * 0.74 * edge, entry - 3.5 * s),
            (sign * rng.uniform(0.5, 0.62) * edge, 0.3 * entry),
            (sign * rng.uniform(0.32, 0.42) * edge, rng.uniform(2.4, 3.6) * s),
        ]
    )
    path = smooth(path)
    off = np.array([0.35 * s, 0.0])
    tube = [
        Stroke(path, 0.95 * s, 0.22),
        Stroke(path + off, 0.22 * s),
        Stroke(path - off, 0.16 * s, 0.5),
    ]
    return [_sign("chest drain", SIDES[side], tube, METAL)]


def place_wires(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """Loops of wire along the sternum."""
    s, count = anatomy.scale, int(rng.integers(5, 7))
    loops: list[Stroke] = []
    for level in np.linspace(4.6 * s, anatomy.dome_top[0] - 3.5 * s, count):
        centre = np.array([rng.uniform(-0.25, 0.25) * s, level])
        loops.append(Stroke(_ring(centre, 1.35 * s, 0.55 * s, rng.uniform(-0.3, 0.3)), 0.18 * s))
        loops.append(Stroke(centre + np.array([(-0.2, -0.55), (0.25, -1.0)]) * s, 0.4 * s))
    return [_sign("sternal wires", None, loops, METAL)]


def _chest_side(rng: np.random.Generator, anatomy: Anatomy, left: float) -> tuple[float, int, Side]:
    on_left = bool(rng.random() < left)
    return anatomy.scale, (1 if on_left else -1), ("left" if on_left else "right")


def _sign(name: str, side: Side | None, strokes: Sequence[Stroke], depth: float) -> Sign:
    return Sign(name, side, None, None, (hull(strokes),), _drawn(strokes, depth))


def _drawn(strokes: Sequence[Stroke], depth: float) -> Callable[[Layers], None]:
    def draw(layers: Layers) -> None:
        layers.metal += raster(layers.camera, strokes) * np.float32(depth)

    return draw


def _ring(centre: Points, a: float, b: float, turn: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 25)
    across, down = a * np.cos(angle), b * np.sin(angle)
    cos, sin = np.cos(turn), np.sin(turn)
    ring: Points = centre + np.stack([across * cos - down * sin, across * sin + down * cos], axis=1)
    return ring


def _disc(centre: Points, a: float, b: float, turn: float) -> list[Stroke]:
    """A filled oval as nested rings, with a paler battery inside."""
    rings = [Stroke(_ring(centre, t * a, t * b, turn), 0.45 * b, 0.7) for t in (0.2, 0.45, 0.65)]
    return [*rings, Stroke(_ring(centre, 0.88 * a, 0.88 * b, turn), 0.3 * b)]
