"""Intervals of what explain reports: resampled patients, and Wilson's for shares."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_Z = 1.959964


def patient_draws(patients: Sequence[Hashable], samples: int, seed: int) -> Floats:
    """How often each row is in each sample of as many patients with replacement, [samples, n]."""
    codes = {patient: code for code, patient in enumerate(dict.fromkeys(patients))}
    member = [codes[patient] for patient in patients]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(codes), np.full(len(codes), 1 / len(codes)), size=samples)
    return np.asarray(drawn[:, member], dtype=np.float64)


def percentiles(values: Floats) -> tuple[float, float] | None:
    """The 2.5 and 97.5 % percentiles of the values that are defined."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def mean_interval(values: Floats, samples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Mean over images with the interval of resampled images."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(samples, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "value": float(values.mean()),
        "interval": [float(low), float(high)],
        "n": len(values),
    }


def share(found: NDArray[np.bool_]) -> dict[str, Any]:
    """The share of true values with Wilson's interval."""
    count, of = int(found.sum()), len(found)
    p = count / of
    middle = (p + _Z * _Z / (2 * of)) / (1 + _Z * _Z / of)
    half = _Z / (1 + _Z * _Z / of) * math.sqrt(p * (1 - p) / of + _Z * _Z / (4 * of * of))
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return {"value": p, "interval": [low, high], "count": count, "of": of}
