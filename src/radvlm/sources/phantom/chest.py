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
    layers = draw_background(anatomy, camera, streams)
    layers.bone += bones.draw_ribs(bones.sample_ribs(anatomy, streams), anatomy, layers.grid)
    bones.add_spine(layers, anatomy)
    bones.add_clavicles(layers, anatomy)
    bones.add_scapulae(layers, anatomy)
    layers.bone *= layers.soft > 0
    airways.add_trachea(layers, anatomy)
    airways.add_gas(layers, anatomy, streams.for_study("gas"))
    if anatomy.female:
        airways.add_breasts(layers, anatomy, streams.for_patient("breasts"))
    return layers


def draw_background(anatomy: Anatomy, camera: Camera, streams: Streams) -> Layers:
    """Body, lungs with their vessels, heart and aortic arch; no bones yet."""
    grid = camera.grid()
    body = _body(anatomy, grid)
    zeros = np.zeros((2, *body.shape), dtype=np.float32)
    body *= 1 + np.float32(0.02) * clouds(streams.for_view("tissue"), body.shape, 14)
    branches = airways.vascular_strokes(streams.for_patient("vessels"), anatomy)
    vessels = raster(camera, branches)
    layers = Layers(camera, grid, body, _lungs(anatomy, grid), vessels, *zeros)
    for shape, share in ((anatomy.heart, 0.85), (anatomy.arch, anatomy.arch_density)):
        part = layers.near(shape.contour())
        part.fill(_ellipse_mask(shape, part.grid, 0.45), share)
    vessels *= layers.air * np.float32(4.0 * anatomy.scale / (AIR * anatomy.thickness))
    return layers


def lung_field(anatomy: Anatomy, grid: Grid) -> Floats:
    """Mask 0…1 of both lung fields, the heart not taken out."""
    outer = grid.by_v(anatomy.lateral) - grid.w
    inner = grid.w - grid.by_v(anatomy.medial)
    floor = grid.by_w(anatomy.dome) - grid.v
    return grid.inside(np.minimum(np.minimum(outer, inner), floor), 0.35)


def _ellipse_mask(shape: Ellipse, grid: Grid, softness: float) -> Floats:
    """Mask 0…1 of an ellipse; its edge is ``softness`` cm wide."""
    u, v = grid.u - np.float32(shape.u), grid.v - np.float32(shape.v)
    cos, sin = np.float32(np.cos(shape.tilt)), np.float32(np.sin(shape.tilt))
    along = (u * cos + v * sin) * np.float32(1 / shape.long)
    across = (v * cos - u * sin) * np.float32(1 / shape.short)
    return grid.inside((1 - np.hypot(along, across)) * np.float32(shape.short), softness)


def _body(anatomy: Anatomy, grid: Grid) -> Floats:
    part = np.minimum(grid.w / grid.by_v(anatomy.body), np.float32(1))
    part *= part
    thickness: Floats = np.float32(anatomy.thickness) * np.sqrt(1 - part * part)
    return thickness


def _lungs(anatomy: Anatomy, grid: Grid) -> Floats:
    """Air of both lungs, thinner towards the chest wall."""
    outer = np.maximum(grid.by_v(anatomy.lateral) - grid.w, np.float32(0))
    depth = 1 - np.float32(0.45) * np.exp(outer * np.float32(-0.5 / anatomy.scale))
    most = np.float32(AIR * (anatomy.thickness - 3.5 * anatomy.scale))
    air: Floats = most * depth * lung_field(anatomy, grid)
    return air
