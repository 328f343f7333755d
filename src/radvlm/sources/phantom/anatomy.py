"""The geometry of one patient's chest in the body frame (cm, see ``curves``), front view.

Built from the patient's own stream (build, proportions), the study's (inspiration) and the
factors that change shape: sex, age, projection, cardiomegaly, widened mediastinum. Proportions
follow textbook values: cardiothoracic ratio below 0.5 in PA views, right dome 1–2 cm above the
left, carina at a third of the lung height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radvlm.sources.phantom.curves import AXIS, Curve, Points, at, curve
from radvlm.sources.phantom.factors import Factors, Streams

ADULT = 18.0


@dataclass(frozen=True, slots=True)
class Ellipse:
    """A tilted ellipse in the body frame: centre and half axes in cm, tilt in radians."""

    u: float
    v: float
    long: float
    short: float
    tilt: float

    def contour(self, n: int = 360) -> Points:
        """Points on its border, float64 [n, 2]."""
        angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
        along, across = self.long * np.cos(angle), self.short * np.sin(angle)
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        return np.stack(
            [self.u + along * cos - across * sin, self.v + along * sin + across * cos], axis=1
        )

    @property
    def half_width(self) -> float:
        """Half of its extent in u."""
        return float(np.hypot(self.long * np.cos(self.tilt), self.short * np.sin(self.tilt)))

    @property
    def half_height(self) -> float:
        """Half of its extent in v."""
        return float(np.hypot(self.long * np.sin(self.tilt), self.short * np.cos(self.tilt)))


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Everything the drawing and the boxes need to know of a chest.

    ``lateral`` and ``medial`` are the outer and the mediastinal border of each lung over v,
    ``dome`` the diaphragm over w, ``body`` the skin over v. ``scale`` is 1 for a large adult,
    ``arch_density`` the share of the lung that the aortic arch takes.
    """

    scale: float
    half_width: float
    thickness: float
    lateral: Curve
    medial: Curve
    dome: Curve
    body: Curve
    heart: Ellipse
    carina: float
    arch: Ellipse
    dome_top: tuple[float, float]
    supine: bool
    female: bool
    arch_density: float = 0.8

    @property
    def cardiothoracic_ratio(self) -> float:
        """Largest width of the heart by the largest inner width of the thorax."""
        return self.heart.half_width / self.half_width

    def in_lung(self, side: int, points: Points) -> NDArray[np.bool_]:
        """Which points (u, v) lie in the lung field of a side, as far as the diaphragm."""
        w, v = points[:, 0] * (1 if side else -1), points[:, 1]
        across = (w < at(self.lateral, side, v)) & (w > at(self.medial, side, v))
        return np.asarray(across & (v < at(self.dome, side, w)))

    def lung(self, side: int) -> Points:
        """Border points (u, v) of the lung field of a side, 0.1 cm apart, float64 [n, 2]."""
        sign = 1 if side else -1
        w, levels = np.arange(0, 22, 0.1), np.arange(-1, 36, 0.1)
        outer = np.stack([sign * (at(self.lateral, side, levels) - 0.01), levels], axis=1)
        inner = np.stack([sign * (at(self.medial, side, levels) + 0.01), levels], axis=1)
        floor = np.stack([sign * w, at(self.dome, side, w) - 0.01], axis=1)
        points = np.concatenate([outer, inner, floor])
        found: Points = points[self.in_lung(side, points)]
        return found


def build(factors: Factors, streams: Streams) -> Anatomy:
    """The chest of this patient in this study and projection."""
    body, breath = streams.for_patient("body"), streams.for_study("breath")
    female, supine = factors.sex == "F", factors.projection == "AP"
    grown = float(np.interp(factors.age, [2, ADULT], [0.5, 1.0]))
    scale = grown * (0.92 if female else 1.0) * body.uniform(0.92, 1.06)
    half_width = 13.4 * scale * body.uniform(0.94, 1.06)
    height = 22.5 * scale * body.uniform(0.93, 1.07) * breath.uniform(0.9, 1.05)
    height *= 0.93 if supine else 1.0
    girth = body.uniform(0.85, 1.25)
    higher = body.uniform(0.9, 1.8) * scale
    tops = (height, height + higher)
    carina = height * body.uniform(0.36, 0.40)
    heart = _heart(factors, streams, half_width, tops[1], scale)
    arch_v = carina - 2.1 * scale
    lateral = _lateral(half_width, height + 4 * scale)
    medial = _medial(factors, streams, scale, arch_v)
    reach = (0.5 + 2.9 * scale) * (1.12 if supine else 1.0)
    return Anatomy(
        scale=scale,
        half_width=half_width,
        thickness=(17.0 + 5.0 * (girth - 0.85)) * scale,
        lateral=lateral,
        medial=medial,
        dome=_domes(half_width, tops, scale),
        body=_skin(half_width, scale, girth, female, streams),
        heart=heart,
        carina=carina,
        arch=Ellipse(reach - 1.75 * scale, arch_v, 1.9 * scale, 1.75 * scale, 0.0),
        dome_top=tops,
        supine=supine,
        female=female,
    )


def _heart(factors: Factors, streams: Streams, half: float, dome: float, scale: float) -> Ellipse:
    """Sized by its share of the thorax: 0.40–0.47 (AP to 0.51), enlarged 0.56–0.66 (AP 0.70)."""
    shape, large = streams.for_patient("heart"), streams.for_patient("large heart")
    ratio = shape.uniform(0.40, 0.47) + (0.04 if factors.projection == "AP" else 0.0)
    tilt, flat = np.radians(shape.uniform(34, 46)), shape.uniform(0.76, 0.84)
    if "Cardiomegaly" in factors.findings:
        ratio += large.uniform(0.15, 0.19)
        tilt, flat = tilt * 0.75, flat * 0.96
    wanted = ratio * half
    long = wanted / float(np.hypot(np.cos(tilt), flat * np.sin(tilt)))
    made = Ellipse(0.0, 0.0, long, flat * long, float(tilt))
    left_of_midline = wanted * shape.uniform(0.30, 0.36)
    return Ellipse(left_of_midline, dome - made.half_height + 1.3 * scale, long, flat * long, tilt)


def _lateral(half_width: float, height: float) -> Curve:
    t = np.clip(AXIS / (0.72 * height), 0, 1)
    wall = half_width * (1 - (1 - t) ** 2.5) ** 0.55
    return curve(wall, wall)


def _medial(factors: Factors, streams: Streams, scale: float, arch: float) -> Curve:
    shape, wide = streams.for_patient("mediastinum"), streams.for_patient("wide mediastinum")
    base = np.full_like(AXIS, 2.3 * scale * shape.uniform(0.95, 1.1))
    base *= 1.15 if factors.projection == "AP" else 1.0
    if "Enlarged Cardiomediastinum" in factors.findings:
        bulge = np.exp(-(((AXIS - arch - 1.0 * scale) / (6.5 * scale)) ** 2))
        base = base + scale * wide.uniform(1.9, 2.8) * bulge
    base = base + 2.0 * scale * np.exp(-np.clip(AXIS, -1, None) / (1.3 * scale))
    trunk = np.exp(-(((AXIS - arch - 4.6 * scale) / (2.1 * scale)) ** 2))
    lower = np.clip((AXIS - arch) / (9 * scale), 0, 1)
    return curve(base * (1 - 0.12 * lower), base * (1 - 0.2 * lower) + 1.1 * scale * trunk)


def _domes(half_width: float, tops: tuple[float, float], scale: float) -> Curve:
    peak = 0.46 * half_width
    outer = np.clip((AXIS - peak) / (half_width - peak), 0, 1.3) ** 2.3
    inner = np.clip((peak - AXIS) / peak, 0, 1) ** 2
    shape = 4.2 * scale * outer + 1.5 * scale * inner
    return curve(tops[0] + shape, tops[1] + shape)


def _skin(half: float, scale: float, girth: float, female: bool, streams: Streams) -> Curve:
    """Neck, shoulders, axilla and trunk."""
    shoulder = scale * streams.for_patient("shoulders").uniform(17.5, 20.5)
    neck = 5.2 * scale
    trunk = half + (2.2 + 2.5 * (girth - 0.85)) * scale
    slope = 1 / (1 + np.exp(-(AXIS + 2.2 * scale) / (1.1 * scale)))
    arm = 1 / (1 + np.exp(-(AXIS - 8.5 * scale) / (1.2 * scale)))
    hips = 0.06 * np.clip(AXIS - 26 * scale, 0, 12) * (1.5 if female else 1.0)
    wall = neck + (shoulder - neck) * slope
    line = wall + (trunk - shoulder) * arm + hips
    return curve(line, line)
