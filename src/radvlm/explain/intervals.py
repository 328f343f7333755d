"""Figures as explain reports them: a value, its interval, and of how many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.resampling import interval, wilson

Floats = NDArray[np.float64]


def mean_interval(values: Floats, samples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Mean over images with the interval of resampled images."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(samples, len(values)))].mean(axis=1)
    ends = interval(means)
    return {
        "value": float(values.mean()),
        "interval": list(ends) if ends else None,
        "n": len(values),
    }


def share(found: NDArray[np.bool_]) -> dict[str, Any]:
    """The share of true values with Wilson's interval."""
    count, of = int(found.sum()), len(found)
    return {"value": count / of, "interval": list(wilson(count, of)), "count": count, "of": of}
