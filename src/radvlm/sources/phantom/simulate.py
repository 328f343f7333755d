"""One simulated view from a seed and its factors, without files."""

from __future__ import annotations

import numpy as np

from radvlm.protocols import Pixels
from radvlm.sources.phantom import lateral
from radvlm.sources.phantom.anatomy import build
from radvlm.sources.phantom.camera import Camera, aim
from radvlm.sources.phantom.chest import draw_chest
from radvlm.sources.phantom.factors import Factors, Seed, Streams
from radvlm.sources.phantom.findings import place
from radvlm.sources.phantom.layers import expose, sample_film, to_pixels
from radvlm.sources.phantom.marker import add_marker
from radvlm.sources.phantom.regions import regions
from radvlm.sources.phantom.signs import Description, Drawn


def simulate(rng_seed: Seed | Streams, factors: Factors) -> tuple[Pixels, Description]:
    """Draw one view: uint8 [height, width] and what it shows.

    The same seed with one finding or device switched gives the twin: the same image elsewhere.
    Pass ``Streams.of(view, study, patient)`` for views that share a study or a patient.
    """
    streams = rng_seed if isinstance(rng_seed, Streams) else Streams.of(rng_seed)
    anatomy = build(factors, streams)
    frontal = factors.projection != "LATERAL"
    if not frontal:
        anatomy = lateral.turn(anatomy)
    camera = aim(streams.for_view("camera"), anatomy, factors.size, factors.pose)
    if frontal:
        layers = draw_chest(anatomy, camera, streams)
        signs = place(factors, anatomy, streams)
    else:
        layers = lateral.draw_lateral(anatomy, camera, streams)
        signs = lateral.place(factors, anatomy, streams)
    for sign in signs:
        sign.draw(layers.near(np.concatenate(sign.outlines)))
    film = sample_film(streams.for_view("film"), anatomy.thickness)
    shown = expose(layers, film, streams.for_view("noise"))
    add_marker(shown, streams.for_view("marker"), camera, factors.marker)
    _collimate(shown, camera, streams.for_view("collimation"))
    drawn = tuple(
        Drawn(
            sign.name,
            sign.side,
            sign.zone,
            sign.severity,
            tuple(box for box in camera.boxes(sign.outlines) if box is not None),
        )
        for sign in signs
    )
    ratio = anatomy.cardiothoracic_ratio
    boxes = regions(anatomy, camera) if frontal else {}
    return to_pixels(shown), Description(camera.width, camera.height, drawn, boxes, ratio)


def _collimate(shown: np.ndarray, camera: Camera, rng: np.random.Generator) -> None:
    """Darken what lies outside the field, in place."""
    x1, y1, x2, y2 = (
        round(f * n) for f, n in zip(camera.field, (camera.width, camera.height) * 2, strict=True)
    )
    level = np.float32(rng.uniform(0.0, 0.08))
    shown[:y1] = level
    shown[y2:] = level
    shown[:, :x1] = level
    shown[:, x2:] = level
