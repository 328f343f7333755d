"""Which findings and devices can be drawn, and their placing in a chest, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radvlm.sources.phantom import devices, fractures, opacities, pleura
from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.factors import Factors, Streams
from radvlm.sources.phantom.regions import mediastinal_outline
from radvlm.sources.phantom.signs import Placer, Sign, nothing


def place_cardiomegaly(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """The heart is drawn by the anatomy; here are its size in words and its outline."""
    over = anatomy.cardiothoracic_ratio - (0.04 if anatomy.supine else 0.0)
    severity = "mild" if over < 0.585 else "moderate" if over < 0.62 else "severe"
    return [Sign("Cardiomegaly", None, None, severity, (anatomy.heart.contour(),), nothing)]


def place_widening(rng: np.random.Generator, anatomy: Anatomy) -> Sequence[Sign]:
    """The wide mediastinum is drawn by the anatomy as well."""
    outline = mediastinal_outline(anatomy)
    return [Sign("Enlarged Cardiomediastinum", None, None, None, (outline,), nothing)]


PLACERS: dict[str, Placer] = {
    "Cardiomegaly": place_cardiomegaly,
    "Enlarged Cardiomediastinum": place_widening,
    "Edema": opacities.place_edema,
    "Lung Opacity": opacities.place_opacity,
    "Consolidation": opacities.place_consolidation,
    "Pneumonia": opacities.place_pneumonia,
    "Lung Lesion": opacities.place_lesions,
    "Atelectasis": opacities.place_atelectasis,
    "Pleural Other": pleura.place_thickening,
    "Pleural Effusion": pleura.place_effusion,
    "Pneumothorax": pleura.place_pneumothorax,
    "sternal wires": devices.place_wires,
    "endotracheal tube": devices.place_tube,
    "central line": devices.place_central_line,
    "port": devices.place_port,
    "pacemaker": devices.place_pacemaker,
    "chest drain": devices.place_drain,
}


def place(factors: Factors, anatomy: Anatomy, streams: Streams) -> list[Sign]:
    """The signs of everything the factors ask for, in the order in which they are drawn."""
    wanted = factors.findings | factors.devices
    signs = [
        sign
        for name, placer in PLACERS.items()
        if name in wanted
        for sign in placer(streams.for_finding(name), anatomy)
    ]
    if "Fracture" in wanted:
        signs += fractures.place_fracture(streams.for_finding("Fracture"), anatomy, streams)
    return signs
