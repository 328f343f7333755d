"""What ``mean_iou`` is made of: how many targets are found at all, and how well those are covered.

A target is found where a box of its own overlaps it, by however little; pairs are those of
``mean_iou``. With no unreadable answer ``mean_iou`` is the product of the two figures, and a model
that rarely answers but then well is told from one that always answers, and badly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import mean
from radvlm.metrics.pairing import pair_overlaps
from radvlm.protocols import Rows
from radvlm.records import Answer


class DetectionRate:
    """Rows [n, 2]: target boxes found, target boxes; an unreadable answer has found none."""

    key = "detection_rate/iou>0,one-to-one-greedy"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (found, target boxes) an answer."""
        return _rows(
            [
                (len(pair_overlaps(answer, target)), len(target.boxes))
                for answer, target in zip(answers, targets, strict=True)
            ]
        )

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of target boxes found, [B]; NaN where there are none."""
        return mean(rows, weights)


class MeanIouFound:
    """Rows [n, 2]: sum of IoU over the targets found, and their number.

    An unreadable answer is not a miss but a failure: each of its targets counts, with IoU 0.
    """

    key = "mean_iou_found/one-to-one-greedy,missed=left-out"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (sum of IoU, targets found) an answer."""
        return _rows(
            [
                (sum(found), len(found) if answer.readable else len(target.boxes))
                for answer, target in zip(answers, targets, strict=True)
                for found in [pair_overlaps(answer, target)]
            ]
        )

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean IoU 0…1 over the targets found, [B]; NaN where none is."""
        return mean(rows, weights)


def _rows(pairs: list[tuple[float, int]]) -> Rows:
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)
