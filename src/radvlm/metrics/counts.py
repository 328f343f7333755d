"""Ratios of weighted counts, shared by the metrics; an empty ratio is NaN (undefined), never 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radvlm.protocols import Rows


def ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """``above / below`` of the same shape, NaN where ``below`` is 0."""
    undefined = np.full(above.shape, np.nan, dtype=np.float64)
    return np.divide(above, below, out=undefined, where=below > 0, dtype=np.float64)


def mean(rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows [n, 2] of (sum, count) and weights [B, n] → the sum over the count, [B]."""
    totals = weights @ rows
    return ratio(totals[:, 0], totals[:, 1])


def f1(true: NDArray[np.float64], false: NDArray[np.float64], missed: NDArray[np.float64]) -> Rows:
    """F1 of true positives, false positives and false negatives, elementwise; NaN if all are 0."""
    return ratio(2 * true, 2 * true + false + missed)
