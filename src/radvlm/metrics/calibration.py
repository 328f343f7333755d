"""Probabilities against what was there: AUROC, Brier score, calibration error, reliability.

In: rows [n, 2] of a probability 0…1 and the truth (0 or 1), and weights [B, n] of the rows, so that
the bootstrap by patient (``statistics.resample``) serves here as everywhere. Out: one figure for
each weighting, NaN where it is undefined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radvlm.errors import InputError
from radvlm.metrics.counts import ratio
from radvlm.metrics.pairing import hits
from radvlm.protocols import Rows
from radvlm.records import Answer

Floats = NDArray[np.float64]

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same probability: how many, its mean, the share of true ones."""

    low: float
    high: float
    count: int
    predicted: float | None
    observed: float | None


def probability_rows(
    probabilities: Sequence[float | None], truths: Sequence[bool]
) -> tuple[Rows, int]:
    """Rows [n, 2], and how many had no probability (none, not a number, outside 0…1).

    Those have the worst row, sure of the opposite of the truth, and are never left out.

    Raises:
        InputError: there are not as many truths as probabilities.
    """
    if len(probabilities) != len(truths):
        raise InputError(f"{len(probabilities)} probabilities for {len(truths)} truths")
    rows = np.zeros((len(truths), 2), dtype=np.float64)
    failed = 0
    for row, probability, truth in zip(rows, probabilities, truths, strict=True):
        usable = probability is not None and 0 <= probability <= 1
        failed += not usable
        row[:] = probability if usable else not truth, truth
    return rows, failed


def box_confidence_rows(
    answers: Sequence[Answer], targets: Sequence[Answer], threshold: float = 0.5
) -> tuple[Rows, list[int], int]:
    """The confidence of every answered box and whether it hits a target (IoU ≥ ``threshold``).

    Rows [boxes, 2], the index of each one's answer (whose patient is the row's), and how many
    boxes had no confidence: those have the worst row, as in ``probability_rows``.
    """
    sure: list[float | None] = []
    truths: list[bool] = []
    index: list[int] = []
    for k, (answer, target) in enumerate(zip(answers, targets, strict=True)):
        if answer.readable:
            sure += [confidence for _, _, confidence in answer.boxes]
            truths += hits(answer, target, threshold)
            index += [k] * len(answer.boxes)
    rows, failed = probability_rows(sure, truths)
    return rows, index, failed


def auroc(rows: Rows, weights: Floats) -> Floats:
    """The chance that a true answer has the higher probability of a pair, ties half, [B].

    NaN where the weights leave no true or no false answer.
    """
    order = np.argsort(rows[:, 0], kind="stable")
    probability, truth = rows[order].T
    starts = np.flatnonzero(np.append(True, probability[1:] != probability[:-1])[: len(rows)])
    weights = weights[:, order]
    if not len(starts):
        return np.full(len(weights), np.nan)
    true = np.add.reduceat(weights * truth, starts, axis=1)
    false = np.add.reduceat(weights * (1 - truth), starts, axis=1)
    below = np.cumsum(false, axis=1) - false
    return ratio((true * (below + false / 2)).sum(1), true.sum(1) * false.sum(1))


def brier(rows: Rows, weights: Floats) -> Floats:
    """Mean squared distance of probability and truth, 0…1, lower is better, [B]."""
    return ratio(weights @ (rows[:, 0] - rows[:, 1]) ** 2, weights.sum(axis=1))


def calibration_error(rows: Rows, weights: Floats, bins: int = BINS) -> Floats:
    """Expected calibration error over bins of equal width, 0…1, lower is better, [B].

    The mean over answers of how far the share of true ones in their bin is from the bin's mean
    probability (Guo et al. 2017).
    """
    member = _members(rows, bins)
    gaps = weights @ (member * (rows[:, :1] - rows[:, 1:]))
    return ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def calibration_bins(rows: Rows, bins: int = BINS) -> Floats:
    """Sums of probability minus truth in each bin, then the count of rows, [bins + 1].

    They add up over rows, so a metric can keep them an answer; ``calibration_error`` is the sum of
    the absolute totals over the count.
    """
    gaps = (_members(rows, bins) * (rows[:, :1] - rows[:, 1:])).sum(axis=0)
    return np.append(gaps, float(len(rows)))


def reliability(rows: Rows, bins: int = BINS) -> list[Bin]:
    """The points of a reliability diagram, one a bin; empty bins have no figures."""
    member = _members(rows, bins)
    count = member.sum(axis=0)
    means = ratio(member.T @ rows, np.repeat(count[:, None], 2, axis=1))
    edges = np.linspace(0, 1, bins + 1).tolist()
    return [
        Bin(low, high, int(n), *((None, None) if n == 0 else map(float, pair)))
        for low, high, n, pair in zip(edges, edges[1:], count, means, strict=False)
    ]


def _members(rows: Rows, bins: int) -> Floats:
    """1 where an answer [n] is in a bin [bins]; bins hold their lower edge, the last both."""
    index = np.minimum((rows[:, 0] * bins).astype(np.int64), bins - 1)
    return np.asarray(index[:, None] == np.arange(bins), dtype=np.float64)
