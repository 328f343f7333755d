"""A figure by sex, age, view and source: is the model worse for some patients than for others?

In: a figure as a function of weights of the answers, each answer's attributes and its patient.
Out: one ``Subgroup`` a group, with its interval, its gap to all others and the p of that gap,
corrected (Holm) for the number of gaps looked at. A group of fewer than ``FEW`` patients is shown,
marked ``small``, and not tested: it can neither be the worst nor weigh on the correction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from radvlm.evaluate.statistics import Floats, holm, resample_all, two_sided_p
from radvlm.metrics.resampling import interval
from radvlm.records import Example

Attributes = Mapping[str, str]
"""What is known of an answer: ``sex``, ``age`` (a band), ``view``, ``source``."""

Figure = Callable[[Floats], Floats]
Members = NDArray[np.bool_]

BY = ("sex", "age", "view", "source")
UNKNOWN = "unknown"
FEW = 30
"""Patients below which a group is too small to say anything of."""

_BANDS = ((18, "0-17"), (40, "18-39"), (60, "40-59"), (80, "60-79"), (math.inf, "80+"))


@dataclass(frozen=True, slots=True)
class Subgroup:
    """A figure in one group; ``gap`` is the group minus all others.

    ``p_adjusted`` is none where the gap is not tested: small groups, groups of what is unknown, and
    groups without others.
    """

    by: str
    group: str
    patients: int
    answers: int
    value: float | None
    interval: tuple[float, float] | None
    gap: float | None
    gap_interval: tuple[float, float] | None
    p: float | None
    p_adjusted: float | None
    small: bool


def age_band(age: float | None) -> str:
    """The band of an age in years: 0-17, 18-39, 40-59, 60-79, 80+; unknown if it cannot be one."""
    if age is None or not 0 <= age < 150:
        return UNKNOWN
    return next(name for end, name in _BANDS if age < end)


def attributes_of(example: Example) -> Attributes:
    """The attributes of every answer to an example."""
    return {
        "sex": example.sex or UNKNOWN,
        "age": age_band(example.age),
        "view": example.views[0].projection,
        "source": example.source,
    }


def subgroups(
    figure: Figure,
    attributes: Sequence[Attributes],
    clusters: Sequence[Hashable],
    *,
    by: Sequence[str] = BY,
    samples: int = 2000,
    seed: int = 0,
) -> list[Subgroup]:
    """The figure in every group of every attribute ``by``, groups sorted.

    ``figure`` takes weights [B, n] and gives [B]; ``attributes`` and ``clusters`` (the patients)
    are of its n answers, in order. A missing attribute is the group ``unknown``.
    """
    labels = {name: np.array([one.get(name, UNKNOWN) for one in attributes]) for name in by}
    groups = [(name, str(group)) for name in by for group in np.unique(labels[name])]
    members = [labels[name] == group for name, group in groups]
    figures = [_within(figure, mask) for member in members for mask in (member, ~member)]
    values = resample_all(figures, clusters, samples, seed)
    found = [
        _subgroup(name, group, clusters, member, values[2 * k], values[2 * k + 1])
        for k, ((name, group), member) in enumerate(zip(groups, members, strict=True))
    ]
    return _corrected(found, members)


def worst(found: Sequence[Subgroup], *, higher_is_better: bool = True) -> Subgroup | None:
    """The group with the worst figure, of those that are neither small nor of the unknown."""
    sign = 1 if higher_is_better else -1
    fit = [one for one in found if not one.small and one.group != UNKNOWN]
    known = [(sign * one.value, k) for k, one in enumerate(fit) if one.value is not None]
    return fit[min(known)[1]] if known else None


def _within(figure: Figure, mask: Members) -> Figure:
    return lambda weights: figure(weights * mask)


def _subgroup(
    by: str,
    group: str,
    clusters: Sequence[Hashable],
    member: Members,
    inside: Floats,
    outside: Floats,
) -> Subgroup:
    patients = len(set(compress(clusters, member)))
    others = len(set(compress(clusters, ~member)))
    gaps = inside - outside
    value, gap = (None if np.isnan(one) else float(one) for one in (inside[0], gaps[0]))
    tested = gap is not None and min(patients, others) >= FEW and group != UNKNOWN
    return Subgroup(
        by=by,
        group=group,
        patients=patients,
        answers=int(member.sum()),
        value=value,
        interval=None if value is None else interval(inside[1:]),
        gap=gap,
        gap_interval=None if gap is None else interval(gaps[1:]),
        p=two_sided_p(gaps[1:]) if tested else None,
        p_adjusted=None,
        small=patients < FEW,
    )


def _corrected(found: Sequence[Subgroup], members: Sequence[Members]) -> list[Subgroup]:
    """With Holm's p over the gaps; the two groups of a pair are one gap, and count once."""
    tested: dict[bytes, float] = {}
    keys = [min(member.tobytes(), (~member).tobytes()) for member in members]
    for one, key in zip(found, keys, strict=True):
        if one.p is not None:
            tested[key] = one.p
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    return [
        replace(one, p_adjusted=adjusted[key]) if one.p is not None else one
        for one, key in zip(found, keys, strict=True)
    ]
