"""A normal chest from the front as layers: body, lungs, mediastinum, heart, airways, abdomen."""

from __future__ import annotations

import numpy as np

from radvlm.sources.phantom import airways, bones
from radvlm.sources.phantom.anatomy import Anatomy, Ellipse
from radvlm.sources.phantom.camera import Camera
from radvlm.sources.phantom.curves import Floats, Grid
from radvlm.sources.phantom.factors import Streams
from radvlm.sources.phantom.layers import Layers
from radvlm.sources.phantom.strokes import raster
from radvlm.sources.phantom.texture import clouds

AIR = 0.76
"""Share of a lung that is air."""


def draw_chest(anatomy: Anatomy, camera: Camera, streams: Streams) -> Layers:
    """All layers of the chest without findings, devices, marker or noise."""
    grid = camera.grid()
    body = _body(anatomy, grid)
    bone = bones.draw_skeleton(anatomy, grid, streams) * (body > 0)
    soft = body * (1 + np.float32(0.02) * clouds(streams.for_view("tissue"), body.shape, 14))
    soft -= raster(camera, airways.tracheal_strokes(anatomy)) * np.float32(2.4 * anatomy.scale)
    soft -= airways.draw_gas(streams.for_study("gas"), anatomy, grid)
    if anatomy.female:
        soft += airways.draw_breasts(streams.for_patient("breasts"), anatomy, grid)
    air = _lungs(anatomy, grid)
    branches = airways.vascular_strokes(streams.for_patient("vessels"), anatomy)
    vessels = raster(camera, branches) * np.float32(2.6 * anatomy.scale)
    vessels *= lung_field(anatomy, grid)
    return Layers(camera, grid, soft, air, vessels, bone, np.zeros_like(body))


def lung_field(anatomy: Anatomy, grid: Grid) -> Floats:
    """Mask 0…1 of both lung fields, the heart not taken out."""
    outer = grid.by_v(anatomy.lateral) - grid.w
    inner = grid.w - grid.by_v(anatomy.medial)
    floor = grid.by_w(anatomy.dome) - grid.v
    return grid.inside(np.minimum(np.minimum(outer, inner), floor), 0.35)


def ellipse_mask(shape: Ellipse, grid: Grid, softness: float = 0.3) -> Floats:
    """Mask 0…1 of an ellipse; its edge is ``softness`` cm wide."""
    return grid.inside((1 - ellipse_radius(shape, grid)) * np.float32(shape.short), softness)


def ellipse_radius(shape: Ellipse, grid: Grid) -> Floats:
    """0 at the centre of an ellipse, 1 on its border."""
    u, v = grid.u - np.float32(shape.u), grid.v - np.float32(shape.v)
    cos, sin = np.float32(np.cos(shape.tilt)), np.float32(np.sin(shape.tilt))
    across, along = np.float32(1 / shape.short), np.float32(1 / shape.long)
    return np.hypot((u * cos + v * sin) * along, (v * cos - u * sin) * across)


def _body(anatomy: Anatomy, grid: Grid) -> Floats:
    part = np.minimum(grid.w / grid.by_v(anatomy.body), np.float32(1))
    part *= part
    return np.float32(anatomy.thickness) * np.sqrt(1 - part * part)


def _lungs(anatomy: Anatomy, grid: Grid) -> Floats:
    field = lung_field(anatomy, grid)
    outer = np.maximum(grid.by_v(anatomy.lateral) - grid.w, np.float32(0))
    depth = 1 - np.float32(0.45) * np.exp(outer * np.float32(-0.5 / anatomy.scale))
    most = np.float32(AIR * (anatomy.thickness - 3.5 * anatomy.scale))
    hidden = np.maximum(
        ellipse_mask(anatomy.heart, grid, 0.5) * np.float32(0.85),
        ellipse_mask(anatomy.arch, grid, 0.4) * np.float32(0.8),
    )
    return most * depth * field * (1 - hidden)
