"""Precision and recall of boxes at IoU 0.5, pooled over answers: the two halves of ``box_f1_50``.

Precision falls with every false box, wherever it stands in the text; recall with every target
missed. An unreadable answer is charged as ``box_f1_50`` says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.box_f1_50 import BoxF1At50
from radvlm.metrics.counts import ratio
from radvlm.protocols import Rows


class BoxPrecisionAt50(BoxF1At50):
    """The share of answered boxes that hit a target of their own."""

    key = "box_precision_50/pooled@iou=0.5"

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pooled precision, [B]; NaN where no box was answered and no answer failed."""
        totals = weights @ rows
        return ratio(totals[:, 0], totals[:, 0] + totals[:, 1])


class BoxRecallAt50(BoxF1At50):
    """The share of target boxes that are hit."""

    key = "box_recall_50/pooled@iou=0.5"

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pooled recall, [B]; NaN where there is no target box."""
        totals = weights @ rows
        return ratio(totals[:, 0], totals[:, 0] + totals[:, 2])
