"""Are boxes as often right as their confidences say? Expected calibration error of boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.errors import InputError
from radvlm.metrics.calibration import BINS, box_confidence_rows, calibration_bins
from radvlm.metrics.counts import ratio
from radvlm.protocols import Rows
from radvlm.records import Answer

Floats = NDArray[np.float64]


class BoxCalibration:
    """Rows [n, 11]: for each of ten bins, confidence minus hit over an answer's boxes; the count.

    A box hits where it overlaps a target of its name with IoU ≥ 0.5. A box without a confidence is
    as wrong as can be.
    """

    key = f"box_calibration_error/iou=0.5,{BINS}-bins,lower-is-better"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer.

        Raises:
            InputError: boxes were answered and none carries a confidence.
        """
        held = [confidence for answer in answers for _, _, confidence in answer.boxes]
        if held and all(confidence is None for confidence in held):
            raise InputError(
                "not run: no confidences in the log", remedy="Predict with decoding.logprobs=true"
            )
        pairs, index, _ = box_confidence_rows(answers, targets)
        of = np.asarray(index, dtype=np.int64)
        return np.stack([calibration_bins(pairs[of == k]) for k in range(len(targets))])

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """Expected calibration error 0…1, [B]; NaN where there is no box."""
        totals = weights @ rows
        return ratio(np.abs(totals[:, :-1]).sum(axis=1), totals[:, -1])
