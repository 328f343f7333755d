"""A sign: one thing to see of a finding or device, where it is and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radvlm.records import Box
from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.curves import Points
from radvlm.sources.phantom.factors import Side
from radvlm.sources.phantom.layers import Layers


@dataclass(frozen=True, slots=True)
class Sign:
    """``outlines`` are body points that enclose what ``draw`` changes, one box each."""

    name: str
    side: Side | None
    zone: str | None
    severity: str | None
    outlines: tuple[Points, ...]
    draw: Callable[[Layers], None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sign as seen on one view; ``boxes`` are those visible."""

    name: str
    side: Side | None
    zone: str | None
    severity: str | None
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """The truth about a simulated view."""

    width: int
    height: int
    drawn: tuple[Drawn, ...]
    regions: Mapping[str, Box]
    cardiothoracic_ratio: float


Placer = Callable[[np.random.Generator, Anatomy], Sequence[Sign]]
"""Makes the signs of a finding in a chest from the finding's own stream."""


def nothing(layers: Layers) -> None:
    """What a finding draws that is part of the anatomy already."""
