"""F1 of boxes at IoU 0.5, pooled over answers: false boxes cost wherever they stand in the text.

Answered boxes, in their order, take the free target they overlap most (the matching of VOC and
COCO). A target without boxes that is answered without boxes adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import f1
from radvlm.metrics.pairing import hits
from radvlm.protocols import Rows
from radvlm.records import Answer


class BoxF1At50:
    """Rows [n, 3]: boxes that hit, boxes that do not, target boxes missed.

    Pooled precision is hits over the first two columns, recall hits over the first and third. An
    unreadable answer has missed every target and is charged one false box a target (at least one,
    and no fewer than it holds), so that failing is never better than answering nothing.
    """

    key = "box_f1_50/pooled@iou=0.5"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (true, false, missed) an answer."""
        counts = [_counts(a, t) for a, t in zip(answers, targets, strict=True)]
        return np.array(counts, dtype=np.float64).reshape(-1, 3)

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pooled F1, [B]; NaN where there is neither a target box nor an answered one."""
        totals = weights @ rows
        return f1(totals[:, 0], totals[:, 1], totals[:, 2])


def _counts(answer: Answer, target: Answer) -> tuple[int, int, int]:
    wanted = len(target.boxes)
    if not answer.readable:
        return 0, max(1, wanted, len(answer.boxes)), wanted
    found = sum(hits(answer, target, 0.5))
    return found, len(answer.boxes) - found, wanted - found
