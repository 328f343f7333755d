"""Mean IoU of target boxes: how well each target is covered by a box of its own.

Pairs are made one to one, the best overlap of all first (greedy; an optimal assignment could only
differ where one box overlaps several targets). A target left without a box counts 0. Boxes beyond
the targets cost nothing here, and targets without boxes are not scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import mean
from radvlm.metrics.pairing import pair_overlaps
from radvlm.protocols import Rows
from radvlm.records import Answer


class MeanIou:
    """Rows [n, 2]: sum of IoU over the target boxes, and their number; unreadable sums to 0."""

    key = "mean_iou/one-to-one-greedy,missed=0"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (sum of IoU, target boxes) an answer."""
        sums = [
            (sum(pair_overlaps(answer, target)), len(target.boxes))
            for answer, target in zip(answers, targets, strict=True)
        ]
        return np.array(sums, dtype=np.float64).reshape(-1, 2)

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean IoU 0…1 over target boxes, [B]; NaN where there are none."""
        return mean(rows, weights)
