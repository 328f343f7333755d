"""The lateral view: the same chest turned by ninety degrees, the patient facing left.

The body frame is reused with u from front (negative) to back, so that ``curves`` side 0 is the
front and side 1 the back; lungs, heart and most findings are then drawn by the same code. A
lateral view has no regions, and its boxes are never handed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from radvlm.sources.phantom import devices, opacities, pleura
from radvlm.sources.phantom.airways import add_trachea
from radvlm.sources.phantom.anatomy import Anatomy, Ellipse
from radvlm.sources.phantom.camera import Camera
from radvlm.sources.phantom.chest import draw_background
from radvlm.sources.phantom.curves import AXIS, corners, curve, unit
from radvlm.sources.phantom.factors import Factors, Streams
from radvlm.sources.phantom.layers import Layers
from radvlm.sources.phantom.signs import Placer, Sign
from radvlm.sources.phantom.strokes import Stroke, raster


def _posterior_effusion(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    return [pleura.effusion(rng, anatomy, 1, across=True)]


PLACERS: dict[str, Placer] = {
    "Edema": opacities.place_edema,
    "Lung Opacity": opacities.place_opacity,
    "Consolidation": opacities.place_consolidation,
    "Pneumonia": opacities.place_pneumonia,
    "Lung Lesion": opacities.place_lesions,
    "Atelectasis": opacities.place_atelectasis,
    "Pleural Effusion": _posterior_effusion,
    "endotracheal tube": devices.place_tube,
    "pacemaker": devices.place_pacemaker,
}
"""What a lateral view shows besides the size of the heart; the rest is seen from the front only."""


def turn(anatomy: Anatomy) -> Anatomy:
    """The chest seen from its left side."""
    s, top = anatomy.scale, anatomy.dome_top[0]
    half = 0.80 * anatomy.half_width
    down = np.clip(AXIS / (0.75 * top), 0, 1)
    front = half * (0.30 + 0.70 * down) * (1 - (1 - np.clip(AXIS / (3 * s), 0, 1)) ** 3)
    back = half * (1 - (1 - np.clip(AXIS / (0.5 * top), 0, 1)) ** 2.2) ** 0.6
    fall = np.clip(AXIS / half, 0, 1.3)
    small = 0.86 * anatomy.heart.half_width
    heart = Ellipse(-0.44 * half, top - 0.74 * small + 1.2 * s, small, 0.72 * small, 0.85)
    neck = 1 / (1 + np.exp(-(AXIS + 1.5 * s) / (1.4 * s)))
    skin = [5.5 * s + (half + extra * s - 5.5 * s) * neck for extra in (2.2, 4.0)]
    return replace(
        anatomy,
        half_width=half,
        thickness=1.25 * anatomy.thickness,
        lateral=curve(front, back),
        medial=curve(np.full_like(AXIS, -1), np.full_like(AXIS, -1)),
        dome=curve(top + 1.2 * s * fall, top + 5.0 * s * fall**1.8),
        body=curve(*skin),
        heart=heart,
        arch=Ellipse(-0.05 * half, 0.5 * top - 1.5 * s, 3.6 * s, 1.9 * s, -0.9),
        arch_density=0.35,
    )


def draw_lateral(anatomy: Anatomy, camera: Camera, streams: Streams) -> Layers:
    """Layers of a turned chest without findings, devices, marker or noise."""
    layers = draw_background(anatomy, camera, streams)
    _add_ribs(layers, anatomy)
    _add_spine(layers, anatomy)
    s = anatomy.scale
    levels = np.linspace(3.0 * s, 0.75 * anatomy.dome_top[0], 12)
    sternum = np.stack([-np.interp(levels, AXIS, anatomy.lateral[0]) - 0.6 * s, levels], axis=1)
    layers.bone += raster(camera, [Stroke(sternum, 1.2 * s, 1.0)]) * np.float32(2.5 * s)
    add_trachea(layers, anatomy)
    return layers


def place(factors: Factors, anatomy: Anatomy, streams: Streams) -> list[Sign]:
    """The signs of what the factors ask for and a lateral view can show."""
    wanted = factors.findings | factors.devices
    return [
        sign
        for name, placer in PLACERS.items()
        if name in wanted
        for sign in placer(streams.for_finding(name), anatomy)
    ]


def _add_ribs(layers: Layers, anatomy: Anatomy) -> None:
    """Oblique bands that fall from the spine to the front."""
    grid, spacing = layers.grid, anatomy.dome_top[0] / 9.0
    course = (grid.v + grid.u * np.float32(0.55)) * np.float32(1 / spacing)
    off = np.abs(course - np.rint(course))
    cage = grid.inside(grid.by_v(anatomy.lateral) + np.float32(0.8) - grid.w, 0.5)
    band = unit((np.float32(0.2) - off) * 14) + unit(1 - np.abs(off - np.float32(0.17)) * 14)
    layers.bone += band * cage * np.float32(0.7) * (grid.v > 0)


def _add_spine(layers: Layers, anatomy: Anatomy) -> None:
    """Vertebral bodies one above the other along the back."""
    s, middle = anatomy.scale, 0.72 * anatomy.half_width
    part = layers.near(np.array([middle, 15.0]) + corners(4.5 * s, 60.0))
    u, v = part.grid.u, part.grid.v * np.float32(1 / (2.6 * s))
    bend = np.float32(middle - 1.2 * s) + np.float32(1.6 * s) * np.cos(v * np.float32(0.26) - 1)
    off = np.abs(v - np.rint(v))
    body = part.grid.inside(np.float32(1.5 * s) - np.abs(u - bend), 0.3)
    edge = unit(1 - np.abs(np.abs(u - bend) - np.float32(1.4 * s)) * 4)
    disc = unit((off - np.float32(0.38)) * 14)
    part.bone += (
        body * (np.float32(2.2) - np.float32(1.6) * disc) + edge * (1 - disc)
    ) * np.float32(s)
