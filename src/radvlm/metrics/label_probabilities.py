"""Labels' probabilities against what was there: AUROC and calibration, over 13 CheXpert labels.

Only labels that a target calls present or absent count. A name without a probability, where others
have one, counts as sure of the opposite. Where no answer has any, nothing can be said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.errors import InputError
from radvlm.metrics.calibration import BINS, auroc, calibration_bins
from radvlm.metrics.counts import ratio
from radvlm.protocols import Rows
from radvlm.records import Answer
from radvlm.vocabulary import CHEXPERT_13

Floats = NDArray[np.float64]


class LabelAuroc13:
    """Rows [n, 26]: probability and truth of each label; NaN where the target does not say."""

    key = "label_auroc/13,macro,one-sided-labels=left-out"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer.

        Raises:
            InputError: no answer carries a probability.
        """
        return _pairs(answers, targets).reshape(len(targets), 2 * len(CHEXPERT_13))

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """Mean AUROC 0…1 over the labels with both kinds of image, [B]; NaN where none has."""
        values = []
        for index in range(len(CHEXPERT_13)):
            pair = rows[:, 2 * index : 2 * index + 2]
            known = ~np.isnan(pair[:, 0])
            values.append(auroc(pair[known], weights[:, known]))
        stacked = np.stack(values)
        defined = ~np.isnan(stacked)
        return ratio(np.nansum(stacked, axis=0), defined.sum(axis=0).astype(np.float64))


class LabelCalibration13:
    """Rows [n, 11]: for each of ten bins, probability minus truth summed over labels; the count."""

    key = f"label_calibration_error/13,{BINS}-bins,pooled,lower-is-better"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer; raises as ``LabelAuroc13`` does."""
        pairs = _pairs(answers, targets)
        return np.stack([calibration_bins(pair[~np.isnan(pair[:, 0])]) for pair in pairs])

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """Expected calibration error 0…1, [B]."""
        totals = weights @ rows
        return ratio(np.abs(totals[:, :-1]).sum(axis=1), totals[:, -1])


def _pairs(answers: Sequence[Answer], targets: Sequence[Answer]) -> Floats:
    """[n, 13, 2]: probability and truth; NaN where the target says neither yes nor no."""
    if not any(answer.probabilities for answer in answers):
        raise InputError(
            "not run: no probabilities in the log",
            remedy="Predict with decoding.label_probabilities=true",
        )
    pairs = np.full((len(targets), len(CHEXPERT_13), 2), np.nan)
    for row, answer, target in zip(pairs, answers, targets, strict=True):
        for pair, name in zip(row, CHEXPERT_13, strict=True):
            if target.labels.get(name) in ("present", "absent"):
                truth = float(target.labels[name] == "present")
                pair[:] = answer.probabilities.get(name, 1 - truth), truth
    return pairs
