"""Intervals: patients drawn with replacement, percentiles, and Wilson's for shares."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_Z = 1.959964


def patient_weights(
    clusters: Sequence[Hashable], samples: int, seed: int | Sequence[int]
) -> Floats:
    """How often each row is in each bootstrap sample, float64 [samples, len(clusters)].

    ``clusters`` names the patient of each row. Each sample draws as many patients as there are,
    with replacement; the same arguments give the same weights, which makes differences paired.
    """
    # Sorted, so that a patient has the same draws whatever the order of the rows.
    codes = {cluster: code for code, cluster in enumerate(sorted(set(clusters), key=repr))}
    member = [codes[cluster] for cluster in clusters]
    count = len(codes)
    if not count:
        return np.zeros((samples, 0), dtype=np.float64)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=samples)
    return np.asarray(drawn[:, member], dtype=np.float64)


def interval(values: Floats) -> tuple[float, float] | None:
    """The 2.5 and 97.5 % percentiles of the defined (not NaN) values; none if there are none."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share ``count`` of ``of`` (Wilson 1927), within 0…1."""
    p = count / of
    middle = (p + _Z * _Z / (2 * of)) / (1 + _Z * _Z / of)
    half = _Z / (1 + _Z * _Z / of) * math.sqrt(p * (1 - p) / of + _Z * _Z / (4 * of * of))
    return max(middle - half, 0.0), min(middle + half, 1.0)
