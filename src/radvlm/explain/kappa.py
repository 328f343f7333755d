"""Agreement of several readers: Fleiss' kappa with an interval of resampled cases.

Fleiss 1971: κ = (P̄ − P̄_e) / (1 − P̄_e), P̄ the mean share of agreeing pairs of readers over cases,
P̄_e what the overall shares of the categories would give by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radvlm.errors import InputError
from radvlm.metrics.resampling import interval

Counts = NDArray[np.int64]
"""How many readers put each case into each category, [cases, categories]; equal row sums."""


def fleiss_kappa(counts: Counts) -> float:
    """Kappa of a table of counts; NaN where all readings fall into one category.

    Raises:
        InputError: fewer than two readers, or not the same number for every case.
    """
    readers = counts.sum(axis=1)
    if not len(counts) or readers.min() != readers.max() or readers[0] < 2:
        raise InputError("every case needs the same number of readers, two or more", "readings")
    return float(_kappas(counts, np.ones((1, len(counts))))[0])


def kappa_with_interval(counts: Counts, samples: int, seed: int = 0) -> dict[str, Any]:
    """Kappa with the 95 % interval of cases drawn with replacement."""
    value = fleiss_kappa(counts)
    rng = np.random.default_rng(seed)
    n = len(counts)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=samples).astype(np.float64)
    ends = interval(_kappas(counts, weights))
    return {
        "value": None if np.isnan(value) else value,
        "interval": list(ends) if ends and not np.isnan(value) else None,
        "cases": n,
        "readers": int(counts[0].sum()),
    }


def _kappas(counts: Counts, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    readers = counts[0].sum()
    agreeing = (np.square(counts).sum(axis=1) - readers) / (readers * (readers - 1))
    total = weights.sum(axis=1)
    observed = weights @ agreeing / total
    shares = weights @ counts / (readers * total[:, None])
    expected = np.square(shares).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = (observed - expected) / (1 - expected)
    return np.where(1 - expected < 1e-12, np.nan, kappa)
