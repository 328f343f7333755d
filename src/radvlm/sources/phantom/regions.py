"""The outlines of the 29 anatomical regions of Chest ImaGenome, from geometry, never from pixels.

Every outline is a set of body points (cm); its box on the image is what the camera makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from radvlm.records import Box
from radvlm.sources.phantom.airways import hilum
from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.bones import clavicle
from radvlm.sources.phantom.camera import Camera
from radvlm.sources.phantom.curves import AXIS, Points, at

MIDDLE, LOWER, APICAL = 0.40, 0.70, 0.22
"""Where the mid and lower lung zones begin and the apical zone ends, by height of the lung."""


def regions(anatomy: Anatomy, camera: Camera) -> dict[str, Box]:
    """Box of every region that is visible, by its name in ``vocabulary.REGIONS_29``."""
    names, points = zip(*outlines(anatomy), strict=True)
    return {n: box for n, box in zip(names, camera.boxes(points), strict=True) if box is not None}


def outlines(anatomy: Anatomy) -> Iterator[tuple[str, Points]]:
    """Name and outline of each of the 29 regions."""
    for side, name in enumerate(("right", "left")):
        for part, points in _lung_parts(anatomy, side):
            yield f"{name} {part}", points
    yield from _midline(anatomy)


def zone_levels(anatomy: Anatomy, side: int) -> dict[str, tuple[float, float]]:
    """Upper and lower level (v in cm) of each zone of a lung."""
    height = anatomy.dome_top[side] + 3.0 * anatomy.scale
    return {
        "upper": (-5.0, MIDDLE * height),
        "mid": (MIDDLE * height, LOWER * height),
        "lower": (LOWER * height, 50.0),
        "apical": (-5.0, APICAL * height),
    }


def _lung_parts(anatomy: Anatomy, side: int) -> Iterator[tuple[str, Points]]:
    sign, s = (1 if side else -1), anatomy.scale
    lung = anatomy.lung(side)
    yield "lung", lung
    for zone, (top, bottom) in zone_levels(anatomy, side).items():
        part = lung[(lung[:, 1] >= top) & (lung[:, 1] <= bottom)]
        yield "apical zone" if zone == "apical" else f"{zone} lung zone", part
    u, v = hilum(anatomy, side)
    yield "hilar structures", _rectangle(u - 2.4 * s, u + 2.4 * s, v - 3.2 * s, v + 3.2 * s)
    w = np.arange(0.12 * anatomy.half_width, anatomy.half_width, 0.05)
    floor = at(anatomy.dome, side, w)
    wall = at(anatomy.lateral, side, floor)
    under = np.stack([sign * w, floor], axis=1)[w < wall]
    yield "hemidiaphragm", under
    corner = float(w[w < wall][-1])
    deep = float(floor[w < wall][-1])
    yield (
        "costophrenic angle",
        _rectangle(sign * (corner - 4.2 * s), sign * (corner + 0.2), deep - 4.0 * s, deep + 0.3),
    )
    yield "clavicle", clavicle(anatomy, side, thick=True)


def _midline(anatomy: Anatomy) -> Iterator[tuple[str, Points]]:
    s, heart, carina = anatomy.scale, anatomy.heart, anatomy.carina
    right = float(at(anatomy.medial, 0, carina))
    floor = anatomy.dome_top[1]
    yield "trachea", _rectangle(-1.4 * s, 1.4 * s, -3.5 * s, carina)
    yield "spine", _rectangle(-2.1 * s, 2.1 * s, -3.0 * s, floor + 4 * s)
    yield "aortic arch", anatomy.arch.contour()
    yield "mediastinum", mediastinal_outline(anatomy)
    yield "upper mediastinum", _borders(anatomy, 0.5 * s, carina + 1.0 * s)
    top = heart.v - 0.6 * heart.half_height
    yield "svc", _rectangle(-right - 0.3 * s, 0.0, carina - 3.8 * s, top)
    yield "cardiac silhouette", heart.contour()
    yield (
        "cavoatrial junction",
        _rectangle(-right - 1.6 * s, 2.2 * s - right, top - 2 * s, top + 2 * s),
    )
    yield (
        "right atrium",
        _rectangle(
            heart.u - heart.half_width, -0.3 * s, top + 0.5 * s, heart.v + 0.7 * heart.half_height
        ),
    )
    yield "carina", _rectangle(-2.6 * s, 2.6 * s, carina - 2.0 * s, carina + 2.2 * s)
    yield (
        "abdomen",
        _rectangle(-anatomy.half_width, anatomy.half_width, anatomy.dome_top[0], floor + 8.5 * s),
    )


def mediastinal_outline(anatomy: Anatomy) -> Points:
    """Both mediastinal borders from the apices to the diaphragm, and the heart."""
    borders = _borders(anatomy, 0.5 * anatomy.scale, anatomy.dome_top[1])
    return np.concatenate([borders, anatomy.heart.contour()])


def _borders(anatomy: Anatomy, top: float, bottom: float) -> Points:
    """Both mediastinal borders with the arch between two levels."""
    levels = AXIS[(top <= AXIS) & (bottom >= AXIS)]
    both = [
        np.stack([sign * at(anatomy.medial, side, levels), levels], axis=1)
        for side, sign in enumerate((-1, 1))
    ]
    return np.concatenate([*both, anatomy.arch.contour()])


def _rectangle(u1: float, u2: float, v1: float, v2: float) -> Points:
    return np.array([(u1, v1), (u2, v1), (u2, v2), (u1, v2)])
