"""Ribs, clavicles, scapulae and spine as thickness of bone (cm of water that absorb as much).

Ribs are periodic bands in a coordinate that follows their course, so all of them are one
evaluation on the grid; a fracture asks for the same bands at displaced points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.curves import Floats, Grid, Points, at, unit
from radvlm.sources.phantom.factors import Streams


def draw_skeleton(anatomy: Anatomy, grid: Grid, streams: Streams) -> Floats:
    """Thickness of all bones."""
    ribs = sample_ribs(anatomy, streams)
    bone = draw_ribs(ribs, anatomy, grid)
    bone += draw_spine(anatomy, grid)
    bone += draw_clavicles(anatomy, grid)
    bone += draw_scapulae(anatomy, grid)
    return bone


@dataclass(frozen=True, slots=True)
class Ribs:
    """Spacing and course of the ribs: posterior arcs fall outwards, anterior ones inwards."""

    first: float
    spacing: float
    droop: float
    steep: float
    strength: float


def sample_ribs(anatomy: Anatomy, streams: Streams) -> Ribs:
    """The ribs of this patient."""
    rng, s = streams.for_patient("ribs"), anatomy.scale
    return Ribs(
        first=float(rng.uniform(-0.6, 0.4)) * s,
        spacing=anatomy.dome_top[0] / rng.uniform(8.6, 9.8),
        droop=float(rng.uniform(2.2, 3.4)) * s,
        steep=float(rng.uniform(6.0, 8.0)) * s,
        strength=float(rng.uniform(0.8, 1.15)),
    )


def posterior(ribs: Ribs, anatomy: Anatomy, w: Floats, v: Floats) -> Floats:
    """Thickness of the posterior arcs at points (w, v)."""
    part = w * np.float32(1 / anatomy.half_width)
    course = np.float32(ribs.droop) * part**3 - np.float32(0.18 * ribs.droop) * part
    return _bands(ribs, v - course, np.float32(0.24))


def anterior(ribs: Ribs, anatomy: Anatomy, w: Floats, v: Floats) -> Floats:
    """Thickness of the anterior arcs, which end in cartilage before the sternum."""
    part = w * np.float32(1 / anatomy.half_width)
    course = np.float32(ribs.steep) * (1 - part) - np.float32(0.5 * ribs.steep) * (1 - part) ** 2
    ends = unit((part - np.float32(0.38)) * 8)
    return _bands(ribs, v - course - np.float32(0.45 * ribs.spacing), np.float32(0.27)) * ends


def _bands(ribs: Ribs, course: Floats, half: np.float32) -> Floats:
    """A dense cortex at both borders of each rib and a paler middle."""
    order = (course - np.float32(ribs.first)) * np.float32(1 / ribs.spacing)
    off = np.abs(order - np.rint(order))
    solid = unit((half - off) * 14)
    cortex = unit(1 - np.abs(off - (half - np.float32(0.07))) * 14)
    inside = unit((order + 0.5) * 4) * unit((11.5 - order) * 4)
    return (solid * np.float32(0.55) + cortex * np.float32(0.75)) * inside


def draw_ribs(ribs: Ribs, anatomy: Anatomy, grid: Grid, shift: float = 0.0) -> Floats:
    """Both arcs of all ribs inside the cage, the posterior ones ``shift`` cm lower."""
    cage = grid.inside(grid.by_v(anatomy.lateral) + np.float32(0.9) - grid.w, 0.5)
    back = posterior(ribs, anatomy, grid.w, grid.v - np.float32(shift))
    back *= unit(grid.w - np.float32(1.2))
    front = anterior(ribs, anatomy, grid.w, grid.v) * np.float32(0.75)
    return (back + front) * cage * np.float32(1.15 * ribs.strength)


def draw_spine(anatomy: Anatomy, grid: Grid) -> Floats:
    """Vertebral bodies with disc spaces, pedicles and spinous processes."""
    s = anatomy.scale
    order = grid.v * np.float32(1 / (2.5 * s))
    off = np.abs(order - np.rint(order))
    body = grid.inside(np.float32(1.75 * s) - grid.w, 0.3)
    disc = unit((off - np.float32(0.36)) * 14)
    edge = unit(1 - np.abs(grid.w - np.float32(1.65 * s)) * 4)
    ring = np.hypot((grid.w - np.float32(1.05 * s)), (off * np.float32(2.5 * s)))
    pedicle = unit(1 - np.abs(ring - np.float32(0.42 * s)) * 5)
    spinous = unit(1 - np.hypot(grid.w * 1.6, off * np.float32(2.5 * s)) / 0.55)
    bone = body * (1.5 - 0.9 * disc) + 0.5 * edge + 0.7 * pedicle + 0.7 * spinous
    return bone * np.float32(s)


def clavicle(anatomy: Anatomy, side: int, thick: bool = False) -> Points:
    """The S-shaped course of a clavicle; with ``thick``, both of its borders."""
    s, sign = anatomy.scale, (1 if side else -1)
    t = np.linspace(0, 1, 40)
    reach = 0.98 * float(at(anatomy.body, side, 4.0 * s)) * 0.86
    w = 1.6 * s + t * (reach - 1.6 * s)
    rise = (2.3 if anatomy.supine else 2.9) * s
    v = 3.4 * s - rise * t + 0.8 * s * np.sin(2 * np.pi * t)
    line = np.stack([sign * w, v], axis=1)
    if not thick:
        return line
    half = np.array([0.0, 0.65 * s])
    return np.concatenate([line - half, line + half])


def draw_clavicles(anatomy: Anatomy, grid: Grid) -> Floats:
    """Both clavicles, with a dense cortex."""
    s = anatomy.scale
    line = clavicle(anatomy, 1)
    centre = np.interp(np.arange(0, 30, 0.05), line[:, 0], line[:, 1]).astype(np.float32)
    index = np.clip(grid.w * np.float32(20), 0, len(centre) - 1).astype(np.intp)
    off = np.abs(grid.v - centre.take(index))
    span = grid.inside(grid.w - np.float32(1.6 * s), 0.4) * grid.inside(
        np.float32(line[-1, 0]) - grid.w, 0.6
    )
    solid = grid.inside(np.float32(0.62 * s) - off, 0.25)
    cortex = unit(1 - np.abs(off - np.float32(0.5 * s)) * 5)
    return (solid * np.float32(1.0) + cortex * np.float32(0.9)) * span


def draw_scapulae(anatomy: Anatomy, grid: Grid) -> Floats:
    """Blades that a PA view throws clear of the lungs and an AP view lays over them."""
    s = anatomy.scale
    medial = anatomy.half_width * (0.66 if anatomy.supine else 0.93)
    top, tip = 1.5 * s, 13.5 * s
    part = (grid.v - np.float32(top)) * np.float32(1 / (tip - top))
    inner = np.float32(medial) + part**2 * np.float32(1.8 * s)
    outer = np.float32(medial + 6.0 * s) - part * np.float32(4.6 * s)
    edge = np.minimum(grid.w - inner, outer - grid.w)
    level = grid.inside(part * np.float32(8), 0.5) * grid.inside((1 - part) * np.float32(8), 0.5)
    blade = grid.inside(edge, 0.3)
    border = unit(1 - np.abs(edge - np.float32(0.25)) * 3.5)
    return (blade * np.float32(0.5) + border * np.float32(0.8)) * level
