"""Resampling by patient: weights of the rows of a metric, and percentile intervals.

Answers about one patient are not independent, so patients are drawn with replacement and each
brings all its rows along (the cluster bootstrap; Davison & Hinkley 1997, §3.8).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.records import Example

Floats = NDArray[np.float64]

_BLOCK = 100
"""Bootstrap samples weighted at once: bounds the memory, whatever their number."""


def patient_of(example: Example) -> tuple[str, str]:
    """The leak key: (family, patient), or (family, view id) where no patient is given."""
    return example.family, example.patient or f"view {example.views[0].id}"


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


def resample(
    figure: Callable[[Floats], Floats], clusters: Sequence[Hashable], samples: int, seed: int
) -> Floats:
    """The figure of the rows as they are, then of each bootstrap sample, [1 + samples].

    ``figure`` takes weights [B, len(clusters)] and gives [B]. With fewer than two patients there
    is nothing to resample, and only the first value is given.
    """
    values = [figure(np.ones((1, len(clusters)), dtype=np.float64))]
    for start in range(0, samples if len(set(clusters)) > 1 else 0, _BLOCK):
        size = min(_BLOCK, samples - start)
        values.append(figure(patient_weights(clusters, size, (seed, start))))
    return np.concatenate(values)


def interval(values: Floats) -> tuple[float, float] | None:
    """The 2.5 and 97.5 % percentiles of the defined (not NaN) values; none if there are none."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)
