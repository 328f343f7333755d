"""Accuracy of single facts: is each label of the target said with its very status?

A fact is one (name, status) of the target. Silence is wrong here, also about what is absent: a
conversation is asked about each fact, so not answering is not an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import mean
from radvlm.protocols import Rows
from radvlm.records import Answer


class FactAccuracy:
    """Rows [n, 2]: facts right and facts in all; an unreadable answer has none right."""

    key = "fact_accuracy/status-match"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (right, total) an answer."""
        counts = [
            (_right(answer, target), len(target.labels))
            for answer, target in zip(answers, targets, strict=True)
        ]
        return np.array(counts, dtype=np.float64).reshape(-1, 2)

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Facts right over facts in all, pooled over answers, [B]; NaN where there are none."""
        return mean(rows, weights)


def _right(answer: Answer, target: Answer) -> int:
    if not answer.readable:
        return 0
    return sum(answer.labels.get(name) == status for name, status in target.labels.items())
