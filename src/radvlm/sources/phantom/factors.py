"""What a simulated view is asked to show, and the random streams that draw it.

Every factor (anatomy, camera, each finding, each device, noise …) has a stream of its own, so
that switching one factor leaves all others exactly as they were: the counterfactual twin.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Sex = Literal["M", "F"]
ViewPosition = Literal["PA", "AP", "LATERAL"]
Side = Literal["right", "left", "bilateral"]
SIDES: tuple[Side, Side] = ("right", "left")
"""The sides by index: 0 is the patient's right, on the left of the image."""

MarkerShape = Literal["plain", "boxed", "round"]
Seed = int | Sequence[int]


@dataclass(frozen=True, slots=True)
class Factors:
    """The switches of one view.

    ``findings`` are those to draw by themselves (see ``labels.DRAWN``), ``devices`` names of
    ``vocabulary.DEVICES``; ``size`` is the longer image side in pixels, ``age`` in years, ``pose``
    0…1 how far the chest strays from its usual place on the image.
    """

    projection: ViewPosition = "PA"
    sex: Sex = "M"
    age: float = 50.0
    findings: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    marker: MarkerShape = "plain"
    size: int = 192
    pose: float = 1.0


@dataclass(frozen=True, slots=True)
class Streams:
    """Named random streams of one view, and those its patient keeps over all studies."""

    view: tuple[int, ...]
    study: tuple[int, ...]
    patient: tuple[int, ...]
    since: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        seed: Seed,
        study: Seed | None = None,
        patient: Seed | None = None,
        since: Mapping[str, Seed] | None = None,
    ) -> Streams:
        """Streams from seeds of non-negative integers; those not given are ``seed``.

        ``since`` gives the seed of an earlier study for findings that have stayed as they were.
        """
        view, own, body = (
            _tuple(seed if s is None else s, i) for i, s in enumerate((seed, study, patient))
        )
        stayed = {name: _tuple(earlier, 1) for name, earlier in (since or {}).items()}
        return cls(view, own, body, stayed)

    def for_view(self, name: str) -> np.random.Generator:
        """The stream of a factor that differs from view to view (camera, noise)."""
        return _generator(self.view, name)

    def for_study(self, name: str) -> np.random.Generator:
        """The stream of a factor that the views of one study share (breath, wording)."""
        return _generator(self.study, name)

    def for_finding(self, name: str) -> np.random.Generator:
        """The stream of a finding or device, that of the study in which it first appeared."""
        return _generator(self.since.get(name, self.study), name)

    def for_patient(self, name: str) -> np.random.Generator:
        """The stream of a factor that the studies of one patient share (anatomy)."""
        return _generator(self.patient, name)


def _tuple(seed: Seed, level: int) -> tuple[int, ...]:
    return (level, seed) if isinstance(seed, int) else (level, *seed)


def _generator(key: tuple[int, ...], name: str) -> np.random.Generator:
    return np.random.default_rng([*key, zlib.crc32(name.encode())])
