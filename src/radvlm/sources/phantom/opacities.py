"""Findings inside the lungs: consolidation, pneumonia, haze, lesions, atelectasis, edema.

Each fills a part of the lung's air, or adds tissue, inside an outline that bounds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from radvlm.sources.phantom.airways import hilum
from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.blobs import Blob, Place, apart, in_lung, somewhere
from radvlm.sources.phantom.chest import lung_field
from radvlm.sources.phantom.curves import unit
from radvlm.sources.phantom.factors import SIDES
from radvlm.sources.phantom.layers import Layers
from radvlm.sources.phantom.signs import Sign
from radvlm.sources.phantom.strokes import Stroke, dense, hull, raster
from radvlm.sources.phantom.texture import clouds


def place_consolidation(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """One dense, even opacity with branching bronchi of air in it."""
    place = somewhere(rng, anatomy, (4.4, 6.4), 0.32)
    tubes, seed = _bronchogram(rng, anatomy, place), int(rng.integers(2**32))

    def draw(layers: Layers) -> None:
        mask = place.blob.mask(layers.grid, 0.4)
        cell = 1.6 * anatomy.scale * layers.camera.scale
        ragged = clouds(np.random.default_rng(seed), mask.shape, cell) * mask * (1 - mask)
        mask = unit(mask + np.float32(1.5) * ragged) * lung_field(anatomy, layers.grid)
        layers.fill(mask, 0.82)
        layers.vessels *= 1 - mask
        layers.soft -= raster(layers.camera, tubes) * unit(mask * 2 - 1) * np.float32(1.5)

    return [_sign("Consolidation", anatomy, place, draw)]


def place_pneumonia(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """One or two patchy, mottled opacities."""
    return apart(lambda: _patch(rng, anatomy), 1 + int(rng.random() < 0.4))


def _patch(rng: np.random.Generator, anatomy: Anatomy) -> tuple[Blob, Sign]:
    place, seed = somewhere(rng, anatomy, (4.2, 5.6), 0.25), int(rng.integers(2**32))

    def draw(layers: Layers) -> None:
        spots, cell = np.random.default_rng(seed), anatomy.scale * layers.camera.scale
        pattern = clouds(spots, layers.air.shape, 1.3 * cell)
        pattern = pattern + np.float32(0.6) * clouds(spots, layers.air.shape, 0.6 * cell)
        mask = place.blob.mask(layers.grid, 0.4) * lung_field(anatomy, layers.grid)
        layers.fill(mask * unit(np.float32(0.55) + np.float32(0.3) * pattern), 0.85)

    return place.blob, _sign("Pneumonia", anatomy, place, draw)


def place_opacity(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """A faint haze through which the vessels remain visible."""
    place = somewhere(rng, anatomy, (4.6, 6.2), 0.2)

    def draw(layers: Layers) -> None:
        mask = place.blob.mask(layers.grid, 0.5)
        layers.fill(mask * lung_field(anatomy, layers.grid), 0.45)

    return [_sign("Lung Opacity", anatomy, place, draw)]


def place_lesions(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """One to three round nodules or masses, each with its own box."""
    count = int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))
    return apart(lambda: _lesion(rng, anatomy), count)


def _lesion(rng: np.random.Generator, anatomy: Anatomy) -> tuple[Blob, Sign]:
    place = somewhere(rng, anatomy, (1.3, 2.5), 0.0)
    kind = "mass" if place.blob.radius > 1.7 * anatomy.scale else "nodule"

    def draw(layers: Layers) -> None:
        layers.soft += place.blob.mask(layers.grid, 0.3) * np.float32(6.5 * anatomy.scale)

    side = SIDES[place.side]
    sign = Sign("Lung Lesion", side, place.zone, kind, (place.blob.points(),), draw)
    return place.blob, sign


def place_atelectasis(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """One or two oblique plates above the diaphragm, on one side."""
    side, s = int(rng.integers(2)), anatomy.scale
    plates = []
    level = anatomy.dome_top[side] - rng.uniform(2.0, 3.5) * s
    for _ in range(1 + int(rng.random() < 0.5)):
        inner, outer = rng.uniform(0.34, 0.40) + 0.12 * side, rng.uniform(0.80, 0.90)
        tilt = rng.uniform(-1.6, 1.2) * s
        path = np.array([(inner, 0.0), ((inner + outer) / 2, 0.35 * tilt), (outer, tilt)])
        path = path * np.array([anatomy.half_width * (1 if side else -1), 1.0])
        plates.append(dense(Stroke(path + np.array([0.0, level]), rng.uniform(0.8, 1.25) * s)))
        level -= rng.uniform(2.4, 3.4) * s

    def draw(layers: Layers) -> None:
        field = lung_field(anatomy, layers.grid)
        layers.soft += raster(layers.camera, plates) * field * np.float32(4.2 * s)

    outlines = tuple(in_lung(anatomy, side, hull([plate])) for plate in plates)
    return [Sign("Atelectasis", SIDES[side], "base", None, outlines, draw)]


def place_edema(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """Mottled haze around both hila, with fuller vessels."""
    strength, s = rng.uniform(0.45, 0.65), anatomy.scale
    radius = rng.uniform(6.6, 8.0) * s
    wings = [
        Blob(float(u) + sign * 2.6 * s, float(v) + 2.2 * s, radius)
        for sign, (u, v) in ((-1, hilum(anatomy, 0)), (1, hilum(anatomy, 1)))
    ]
    seed = int(rng.integers(2**32))

    def draw(layers: Layers) -> None:
        field = lung_field(anatomy, layers.grid)
        grain = clouds(np.random.default_rng(seed), field.shape, 0.8 * s * layers.camera.scale)
        both = np.maximum(*(wing.mask(layers.grid, 0.7) for wing in wings)) * field
        layers.fill(both * unit(1 + np.float32(0.35) * grain), strength)
        layers.vessels *= 1 + np.float32(0.5) * both

    severity = "mild" if strength < 0.52 else "moderate" if strength < 0.59 else "severe"
    outlines = tuple(in_lung(anatomy, side, wing.points()) for side, wing in enumerate(wings))
    return [Sign("Edema", "bilateral", "perihilar", severity, outlines, draw)]


def _sign(name: str, anatomy: Anatomy, place: Place, draw: Callable[[Layers], None]) -> Sign:
    outline = in_lung(anatomy, place.side, place.blob.points())
    return Sign(name, SIDES[place.side], place.zone, None, (outline,), draw)


def _bronchogram(rng: np.random.Generator, anatomy: Anatomy, place: Place) -> list[Stroke]:
    """Bronchi of air that fan out from the side of the hilum."""
    centre = np.array([place.blob.u, place.blob.v])
    away = centre - hilum(anatomy, place.side)
    away = away / max(float(np.hypot(*away)), 1e-6)
    across = np.array([-away[1], away[0]])
    start = centre - 0.75 * place.blob.radius * away
    strokes = []
    for fan in (-0.5, 0.0, 0.5):
        end = centre + place.blob.radius * (rng.uniform(0.1, 0.5) * away + fan * across)
        middle = (start + end) / 2 + rng.uniform(-0.5, 0.5) * anatomy.scale * across
        strokes.append(Stroke(np.array([start, middle, end]), 0.4 * anatomy.scale))
    return strokes
