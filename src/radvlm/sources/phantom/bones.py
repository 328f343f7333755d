"""Ribs, clavicles, scapulae and spine as thickness of bone (cm of water that absorb as much).

Ribs are periodic bands in a coordinate that follows their course, so all of them are one
evaluation on the grid; a fracture asks for the same bands at displaced points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.curves import Floats, Grid, Points, at, corners, unit
from radvlm.sources.phantom.factors import Streams
from radvlm.sources.phantom.layers import Layers


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
    bands: Floats = (solid * np.float32(0.55) + cortex * np.float32(0.75)) * inside
    return bands


def draw_ribs(ribs: Ribs, anatomy: Anatomy, grid: Grid, shift: float = 0.0) -> Floats:
    """Both arcs of all ribs inside the cage, the posterior ones ``shift`` cm lower."""
    cage = grid.inside(grid.by_v(anatomy.lateral) + np.float32(0.9) - grid.w, 0.5)
    back = posterior(ribs, anatomy, grid.w, grid.v - np.float32(shift))
    back *= unit(grid.w - np.float32(1.2))
    front = anterior(ribs, anatomy, grid.w, grid.v) * np.float32(0.75)
    return (back + front) * cage * np.float32(1.15 * ribs.strength)


def add_spine(layers: Layers, anatomy: Anatomy) -> None:
    """Vertebral bodies with disc spaces, pedicles and spinous processes."""
    s = anatomy.scale
    part = layers.near(np.array([0.0, 15.0]) + corners(2.0 * s, 60.0))
    w, v = part.grid.w, part.grid.v * np.float32(1 / (2.5 * s))
    off = np.abs(v - np.rint(v))
    high = off * np.float32(2.5 * s)
    body = part.grid.inside(np.float32(1.75 * s) - w, 0.3)
    disc = unit((off - np.float32(0.36)) * 14)
    edge = unit(1 - np.abs(w - np.float32(1.65 * s)) * 4)
    pedicle = unit(1 - np.abs(np.hypot(w - np.float32(1.05 * s), high) - np.float32(0.42 * s)) * 5)
    spinous = unit(1 - np.hypot(w * np.float32(1.6), high) * np.float32(1 / 0.55))
    bone = body * (1.5 - 0.9 * disc) + 0.5 * edge + 0.7 * pedicle + 0.7 * spinous
    part.bone += bone * np.float32(s)


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


def add_clavicles(layers: Layers, anatomy: Anatomy) -> None:
    """Both clavicles, with a dense cortex."""
    s, line = anatomy.scale, clavicle(anatomy, 1)
    centre = np.interp(np.arange(0, 30, 0.05), line[:, 0], line[:, 1]).astype(np.float32)
    half = np.array([0.0, s])
    part = layers.near(np.concatenate([line - half, line + half, clavicle(anatomy, 0)]))
    w, v = part.grid.w, part.grid.v
    index = np.clip(w * np.float32(20), 0, len(centre) - 1).astype(np.intp)
    off = np.abs(v - centre.take(index))
    ends = part.grid.inside(w - np.float32(1.6 * s), 0.4)
    ends *= part.grid.inside(np.float32(line[-1, 0]) - w, 0.6)
    solid = part.grid.inside(np.float32(0.62 * s) - off, 0.25)
    cortex = unit(1 - np.abs(off - np.float32(0.5 * s)) * 5)
    part.bone += (solid + cortex * np.float32(0.9)) * ends


def add_scapulae(layers: Layers, anatomy: Anatomy) -> None:
    """Blades that a PA view throws clear of the lungs and an AP view lays over them."""
    s = anatomy.scale
    medial = anatomy.half_width * (0.66 if anatomy.supine else 0.93)
    top, tip = 1.5 * s, 13.5 * s
    for sign in (-1, 1):
        middle = np.array([sign * (medial + 3 * s), (top + tip) / 2])
        part = layers.near(middle + corners(3.3 * s, (tip - top) / 2 + s))
        down = (part.grid.v - np.float32(top)) * np.float32(1 / (tip - top))
        inner = part.grid.w - np.float32(medial) - down**2 * np.float32(1.8 * s)
        outer = np.float32(medial + 6.0 * s) - down * np.float32(4.6 * s) - part.grid.w
        edge = np.minimum(inner, outer)
        level = part.grid.inside(down * 8, 0.5) * part.grid.inside((1 - down) * 8, 0.5)
        border = unit(1 - np.abs(edge - np.float32(0.25)) * np.float32(3.5))
        blade = part.grid.inside(edge, 0.3) * np.float32(0.5) + border * np.float32(0.8)
        part.bone += blade * level
