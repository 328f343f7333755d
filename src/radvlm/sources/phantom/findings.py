"""Which findings and devices can be drawn, and their placing in a chest, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.factors import Factors, Streams
from radvlm.sources.phantom.pleura import place_effusion, place_pneumothorax
from radvlm.sources.phantom.signs import Placer, Sign, nothing


def place_cardiomegaly(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """The heart is drawn by the anatomy; here are its size in words and its outline."""
    over = anatomy.cardiothoracic_ratio - (0.04 if anatomy.supine else 0.0)
    severity = "mild" if over < 0.585 else "moderate" if over < 0.62 else "severe"
    return [Sign("Cardiomegaly", None, None, severity, (anatomy.heart.contour(),), nothing)]


PLACERS: dict[str, Placer] = {
    "Cardiomegaly": place_cardiomegaly,
    "Pleural Effusion": place_effusion,
    "Pneumothorax": place_pneumothorax,
}


def place(factors: Factors, anatomy: Anatomy, streams: Streams) -> list[Sign]:
    """The signs of everything the factors ask for."""
    wanted = factors.findings | factors.devices
    return [
        sign
        for name, placer in PLACERS.items()
        if name in wanted
        for sign in placer(streams.for_study(name), anatomy)
    ]
