"""Resampling by patient: figures of the rows of a metric, and tests of differences.

Answers about one patient are not independent, so patients are drawn with replacement and each
brings all its rows along (the cluster bootstrap; Davison & Hinkley 1997, §3.8).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.resampling import patient_weights
from radvlm.records import Example

Floats = NDArray[np.float64]

_BLOCK = 100
"""Bootstrap samples weighted at once: bounds the memory, whatever their number."""


def patient_of(example: Example) -> tuple[str, str]:
    """The leak key: (family, patient), or (family, view id) where no patient is given."""
    return example.family, example.patient or f"view {example.views[0].id}"


def resample(
    figure: Callable[[Floats], Floats], clusters: Sequence[Hashable], samples: int, seed: int
) -> Floats:
    """The figure of the rows as they are, then of each bootstrap sample, [1 + samples].

    ``figure`` takes weights [B, len(clusters)] and gives [B]. With fewer than two patients there
    is nothing to resample, and only the first value is given.
    """
    return resample_all([figure], clusters, samples, seed).ravel()


def resample_all(
    figures: Sequence[Callable[[Floats], Floats]],
    clusters: Sequence[Hashable],
    samples: int,
    seed: int,
) -> Floats:
    """``resample`` of several figures of the same rows, [len(figures), 1 + samples].

    Every figure sees the same samples, drawn once: faster, and any differences are paired.
    """
    values = np.empty((len(figures), 1 + (samples if len(set(clusters)) > 1 else 0)))
    whole = np.ones((1, len(clusters)))
    for figure, row in zip(figures, values, strict=True):
        row[:1] = figure(whole)
    for start in range(0, values.shape[1] - 1, _BLOCK):
        weights = patient_weights(clusters, min(_BLOCK, samples - start), (seed, start))
        block = slice(1 + start, 1 + start + len(weights))
        for figure, row in zip(figures, values, strict=True):
            row[block] = figure(weights)
    return values


def two_sided_p(differences: Floats) -> float | None:
    """The p of "no difference" from bootstrapped differences: twice the smaller tail, with + 1.

    The + 1 counts the data themselves among the samples, so that p is never 0 (Davison & Hinkley
    1997, §4.2.3). None where no sample has a defined difference.
    """
    defined = differences[~np.isnan(differences)]
    if not len(defined):
        return None
    tail = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, 2 * (1 + tail) / (1 + len(defined)))


def holm(p: Sequence[float]) -> list[float]:
    """The p-values adjusted so that any false finding among them all has its level (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    scaled = np.asarray(p, dtype=np.float64)[order] * (len(p) - np.arange(len(p)))
    return _unsorted(np.minimum(1, np.maximum.accumulate(scaled)), order)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """The p-values adjusted to the share of false ones among what is found (Benjamini 1995)."""
    order = np.argsort(p, kind="stable")
    scaled = np.asarray(p, dtype=np.float64)[order] * len(p) / (1 + np.arange(len(p)))
    return _unsorted(np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1]), order)


def _unsorted(values: Floats, order: NDArray[np.intp]) -> list[float]:
    back = np.empty_like(values)
    back[order] = values
    return [float(value) for value in back]
