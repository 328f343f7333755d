"""The published box figure of RadVLM, exactly: what its "mAP" of grounding tasks is (paper §4.1).

Each answer has an average precision of its own at IoU 0.5, the order of its boxes in the text
standing in for confidence, and the figure is the mean over answers. A box takes the target it
overlaps most, the first of equals, and is false where that one is already taken, even if another
would do. Names play no part, and an answer or a target without boxes is worth 0.

Only for comparison with published numbers: once every target is hit, any number of further false
boxes leaves it at 1. ``box_f1_50`` and ``box_precision_50`` are the honest companions. Boxes are
those the codec reads, where the published code reads ``[x1, y1, x2, y2]`` alone, takes corners as
they come, and ends at a number like "0.3.".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.boxes import iou_matrix
from radvlm.metrics.ap50_by_name import average_precision
from radvlm.metrics.counts import mean
from radvlm.protocols import Rows
from radvlm.records import Answer


class PaperMap50:
    """Rows [n, 2]: the AP of an answer, and 1."""

    key = "paper_map50/per-answer,text-order,nearest-target@iou=0.5"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (AP 0…1, 1) an answer; an unreadable one has 0."""
        rows = np.ones((len(targets), 2), dtype=np.float64)
        rows[:, 0] = [_value(a, t) for a, t in zip(answers, targets, strict=True)]
        return rows

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The weighted mean, [B]; NaN where all weights are 0."""
        return mean(rows, weights)


def _value(answer: Answer, target: Answer) -> float:
    if not (answer.readable and answer.boxes and target.boxes):
        return 0.0
    overlap = iou_matrix([box for _, box, _ in answer.boxes], [box for _, box, _ in target.boxes])
    nearest = overlap.argmax(axis=1)
    taken: set[int] = set()
    found = []
    for column, near in zip(nearest.tolist(), overlap.max(axis=1) >= 0.5, strict=True):
        found.append(bool(near) and column not in taken)
        taken |= {column} if near else set()
    return average_precision(found, len(target.boxes))
