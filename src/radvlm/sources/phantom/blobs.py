"""Where an opacity lies in a lung and the irregular outline that bounds it exactly.

Places depend on the patient's build only, never on the heart or mediastinum, so that the twin
with another heart keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from radvlm.sources.phantom.anatomy import Anatomy
from radvlm.sources.phantom.curves import Floats, Grid, Points, at, unit
from radvlm.sources.phantom.regions import zone_levels
from radvlm.sources.phantom.signs import Sign

ZONES = ("upper", "mid", "lower")


@dataclass(frozen=True, slots=True)
class Blob:
    """A circle of ``radius`` cm around (u, v), dented by ``waves`` (order, depth, phase)."""

    u: float
    v: float
    radius: float
    waves: tuple[tuple[int, float, float], ...] = ()

    def mask(self, grid: Grid, edge: float) -> Floats:
        """1 inside, falling to exactly 0 at the outline over the outer share ``edge``."""
        u, v = grid.u - np.float32(self.u), grid.v - np.float32(self.v)
        distance = np.hypot(u, v) * np.float32(1 / self.radius)
        if self.waves:
            angle = np.arctan2(v, u)
            distance *= 1 + sum(
                np.float32(depth) * (1 + np.cos(order * angle + np.float32(phase)))
                for order, depth, phase in self.waves
            )
        rise = unit((1 - distance) * np.float32(1 / edge))
        return rise * rise * (3 - 2 * rise)

    def points(self) -> Points:
        """Points all over it, float64 [n, 2]."""
        angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        dents = sum(d * (1 + np.cos(k * angle + phase)) for k, d, phase in self.waves)
        reach = self.radius / (1 + dents)
        border = np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1)
        centre = np.array([self.u, self.v])
        return np.concatenate([centre + t * border for t in np.linspace(0.1, 1, 10)])


@dataclass(frozen=True, slots=True)
class Place:
    """A blob with the side (0: right) and the zone of the lung it lies in."""

    side: int
    zone: str
    blob: Blob


def somewhere(
    rng: np.random.Generator, anatomy: Anatomy, radius: tuple[float, float], dents: float
) -> Place:
    """A blob mostly inside a lung; ``radius`` is for a large adult, ``dents`` 0 makes it round."""
    side, zone = int(rng.integers(2)), ZONES[int(rng.choice(3, p=[0.38, 0.34, 0.28]))]
    r = rng.uniform(*radius) * anatomy.scale
    waves = tuple((k, dents / k * rng.uniform(0.5, 1), rng.uniform(0, 6.28)) for k in (2, 3, 5))
    low, high = zone_levels(anatomy, side)[zone]
    low, high = max(low, 2.5 * anatomy.scale) + 0.4 * r, min(high, anatomy.dome_top[side]) - 0.4 * r
    v = float(rng.uniform(min(low, high), max(low, high)))
    wall = float(at(anatomy.lateral, side, v))
    behind_heart = zone == "lower" and side == 1
    root = 0.5 * anatomy.half_width if behind_heart else 3.0 * anatomy.scale
    reach = max(wall - 0.7 * r, root)
    w = float(rng.uniform(min(root + 0.5 * r, reach), reach))
    return Place(side, zone, Blob(w if side else -w, v, r, waves if dents else ()))


def apart(make: Callable[[], tuple[Blob, Sign]], count: int) -> Sequence[Sign]:
    """``count`` signs that do not overlap; fewer where no place is found in a few tries."""
    blobs: list[Blob] = []
    signs: list[Sign] = []
    for _ in range(8 * count):
        blob, sign = make()
        gaps = [np.hypot(blob.u - o.u, blob.v - o.v) - blob.radius - o.radius for o in blobs]
        if min(gaps, default=1.0) > 0:
            blobs.append(blob)
            signs.append(sign)
        if len(signs) == count:
            break
    return signs


def in_lung(anatomy: Anatomy, side: int, points: Points) -> Points:
    """The points that lie in the lung of a side."""
    kept: Points = points[anatomy.in_lung(side, points)]
    return kept
