"""The plan of a cohort: which patients have which studies, and what each study shows.

Pure and quick; nothing is drawn here. A patient keeps sex and anatomy; findings and devices of a
study stay in the next with a given probability, so that reports can compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import ConfigDict, Field, field_validator

from radvlm.recipe import Section
from radvlm.records import Split
from radvlm.sources.phantom.factors import MarkerShape, Sex, ViewPosition
from radvlm.sources.phantom.labels import DRAWN
from radvlm.vocabulary import DEVICES

NORMAL = 0.18
"""Share of studies planned without any finding."""

STAYS = 0.6
"""Probability that a finding of the previous study is still there."""

PREVALENCE: Mapping[str, float] = {
    "Atelectasis": 0.18,
    "Cardiomegaly": 0.28,
    "Consolidation": 0.20,
    "Edema": 0.16,
    "Enlarged Cardiomediastinum": 0.15,
    "Fracture": 0.15,
    "Lung Lesion": 0.20,
    "Lung Opacity": 0.15,
    "Pleural Effusion": 0.30,
    "Pleural Other": 0.15,
    "Pneumonia": 0.20,
    "Pneumothorax": 0.22,
    "pacemaker": 0.12,
    "port": 0.10,
    "central line": 0.14,
    "endotracheal tube": 0.12,
    "chest drain": 0.10,
    "sternal wires": 0.12,
    "AP": 0.35,
    "boxed": 0.25,
    "round": 0.25,
}
"""Share of each finding among studies that are not normal; of the others among all studies."""


_LASTING = frozenset({*DRAWN, *DEVICES})


class Correlation(Section):
    """Where ``if`` holds, ``then`` does with ``probability``; elsewhere with ``otherwise``.

    Both are findings, devices, ``AP`` or a marker's shape (``boxed``, ``round``). Without
    ``otherwise``, studies where ``if`` does not hold stay as they are.
    """

    model_config = ConfigDict(populate_by_name=True)

    if_: str = Field(alias="if")
    then: str
    probability: float = Field(ge=0, le=1)
    otherwise: float | None = Field(None, ge=0, le=1)

    @field_validator("if_", "then")
    @classmethod
    def _known(cls, name: str) -> str:
        return _checked(name)


class PhantomConfig(Section):
    """How many patients, how large the images, how often what is seen, and with what else.

    ``size`` is the longer image side in pixels, ``pose`` how far the chest strays from its usual
    place on the image, ``lateral`` the share of studies with a lateral
    view besides, ``studies_per_patient`` the probabilities of 1, 2, … studies, and ``splits`` the
    shares of patients for training, validation and test.
    """

    patients: int = Field(400, ge=1)
    seed: int = Field(0, ge=0)
    size: int = Field(192, ge=48, le=2048)
    pose: float = Field(1.0, ge=0, le=1)
    studies_per_patient: tuple[float, ...] = (0.5, 0.3, 0.2)
    lateral: float = Field(0.15, ge=0, le=1)
    prevalence: dict[str, float] = Field(default_factory=dict)
    correlations: tuple[Correlation, ...] = ()
    splits: tuple[float, float, float] = (0.7, 0.1, 0.2)

    @field_validator("prevalence")
    @classmethod
    def _names(cls, given: dict[str, float]) -> dict[str, float]:
        for name, share in given.items():
            _checked(name)
            if not 0 <= share <= 1:
                raise ValueError(f"prevalence of {name!r} is not between 0 and 1")
        return given

    @field_validator("studies_per_patient", "splits")
    @classmethod
    def _sum(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if min(given, default=-1.0) < 0 or abs(sum(given) - 1) > 1e-6:
            raise ValueError("the shares are not positive or do not add up to 1")
        return given


@dataclass(frozen=True, slots=True)
class Plan:
    """One study to draw.

    ``since`` is the number of the study in which each finding or device first appeared,
    ``before`` what the previous study showed, or none.
    """

    patient: int
    number: int
    split: Split
    sex: Sex
    age: float
    projection: ViewPosition
    lateral: bool
    marker: MarkerShape
    findings: frozenset[str]
    devices: frozenset[str]
    since: Mapping[str, int]
    before: frozenset[str] | None

    @property
    def id(self) -> str:
        """Name of the study."""
        return _study_id(self.patient, self.number)

    @property
    def prior(self) -> str | None:
        """Name of the previous study of the patient."""
        return _study_id(self.patient, self.number - 1) if self.number else None


def plan(config: PhantomConfig) -> Iterator[Plan]:
    """Every study of the cohort, patient by patient."""
    splits = _splits(config)
    for patient in range(config.patients):
        rng = np.random.default_rng([config.seed, 3, patient])
        sex: Sex = "MF"[int(rng.integers(2))]  # type: ignore[assignment]  # an M or an F
        age = float(round(rng.uniform(3, 17) if rng.random() < 0.12 else rng.uniform(18, 92)))
        shares = config.studies_per_patient
        before: dict[str, int] | None = None
        for number in range(1 + int(rng.choice(len(shares), p=shares))):
            shown = _shown(config, rng, before)
            since = {n: (before or {}).get(n, number) for n in sorted(shown & _LASTING)}
            yield Plan(
                patient=patient,
                number=number,
                split=splits[patient],
                sex=sex,
                age=age,
                projection="AP" if "AP" in shown else "PA",
                lateral=bool(rng.random() < config.lateral),
                marker="boxed" if "boxed" in shown else "round" if "round" in shown else "plain",
                findings=shown & set(DRAWN),
                devices=shown & set(DEVICES),
                since=since,
                before=None if before is None else frozenset(before),
            )
            before = since


def _shown(
    config: PhantomConfig, rng: np.random.Generator, before: Mapping[str, int] | None
) -> frozenset[str]:
    """Findings, devices, ``AP`` and marker of a study; the same draws whatever comes out."""
    share = {**PREVALENCE, **config.prevalence}
    shown: set[str] = set()
    for name in PREVALENCE:
        chance = share[name]
        if before is not None and name in _LASTING:
            chance = STAYS if name in before else 0.7 * chance
        if rng.random() < chance:
            shown.add(name)
    weights = np.array([share[name] for name in DRAWN]) + 1e-12
    instead = DRAWN[int(rng.choice(len(DRAWN), p=weights / weights.sum()))]
    if rng.random() < NORMAL or sum(share[name] for name in DRAWN) == 0:
        shown -= set(DRAWN)
    elif not shown & set(DRAWN):
        shown.add(instead)
    if "round" in shown:
        shown.discard("boxed")
    _correlate(config, shown, rng)
    return frozenset(shown)


def _correlate(config: PhantomConfig, shown: set[str], rng: np.random.Generator) -> None:
    for rule in config.correlations:
        probability = rule.probability if rule.if_ in shown else rule.otherwise
        luck = rng.random()
        if probability is None:
            continue
        if luck < probability:
            shown.add(rule.then)
            shown -= {"boxed", "round"} - {rule.then} if rule.then in {"boxed", "round"} else set()
        else:
            shown.discard(rule.then)


def _splits(config: PhantomConfig) -> list[Split]:
    order = np.random.default_rng([config.seed, 4]).permutation(config.patients)
    train, validate, _ = config.splits
    first, second = round(train * config.patients), round((train + validate) * config.patients)
    return [
        "train" if place < first else "validate" if place < second else "test" for place in order
    ]


def _study_id(patient: int, number: int) -> str:
    return f"p{patient:05d}s{number + 1}"


def _checked(name: str) -> str:
    if name not in PREVALENCE:
        raise ValueError(f"{name!r} is none of {', '.join(PREVALENCE)}")
    return name
