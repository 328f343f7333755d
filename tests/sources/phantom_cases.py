"""Twins and patients shared by the tests of the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radvlm.protocols import Pixels
from radvlm.records import Box
from radvlm.sources.phantom.anatomy import Anatomy, build
from radvlm.sources.phantom.camera import Camera, aim
from radvlm.sources.phantom.factors import Factors, Streams
from radvlm.sources.phantom.labels import DRAWN
from radvlm.sources.phantom.signs import Description
from radvlm.sources.phantom.simulate import simulate
from radvlm.vocabulary import DEVICES

EVERYTHING = (*DRAWN, *DEVICES)
Shown = tuple[Pixels, Description]


def with_factor(factors: Factors, name: str) -> Factors:
    """The same factors with one finding or device more."""
    if name in DEVICES:
        return replace(factors, devices=factors.devices | {name})
    return replace(factors, findings=factors.findings | {name})


def twins(seed: int, name: str, factors: Factors | None = None) -> tuple[Shown, Shown]:
    """A view without and with a finding or device."""
    without = factors or Factors(
        projection="AP" if seed % 3 == 0 else "PA", sex="F" if seed % 2 else "M"
    )
    return simulate(seed, without), simulate(seed, with_factor(without, name))


def placed(seed: int, factors: Factors) -> tuple[Anatomy, Camera]:
    """The geometry of a view, no pixels drawn."""
    streams = Streams.of(seed)
    anatomy = build(factors, streams)
    return anatomy, aim(streams.for_view("camera"), anatomy, factors.size)


def rectangle(box: Box, shape: tuple[int, ...], margin: int = 0) -> tuple[slice, slice]:
    """Rows and columns of a box, ``margin`` pixels wider."""
    height, width = shape
    top, bottom = int(np.floor(box.y1 * height)), int(np.ceil(box.y2 * height))
    left, right = int(np.floor(box.x1 * width)), int(np.ceil(box.x2 * width))
    return (
        slice(max(0, top - margin), bottom + margin),
        slice(max(0, left - margin), right + margin),
    )
