"""The common part of metrics that give each answer a figure of its own and report the mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import mean
from radvlm.metrics.texts import mended, scorable
from radvlm.protocols import Rows
from radvlm.records import Answer

Floats = NDArray[np.float64]


class SampleMean:
    """Rows [n, 2]: the figure of an answer's text and the count 1.

    An answer that is unreadable, empty or too long, and one to an empty reference, has ``worst``.
    A metric gives ``key`` and ``values``.
    """

    key: str
    worst: float = 0.0

    def values(self, said: Sequence[str], wanted: Sequence[str]) -> Floats:
        """The figure of each answer's text against its reference [n]; texts are not empty."""
        raise NotImplementedError

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (figure, 1) an answer."""
        rows = np.tile([self.worst, 1.0], (len(targets), 1))
        kept = scorable(answers, targets, self.key)
        if kept:
            said = [mended(answers[index].text) for index in kept]
            rows[kept, 0] = self.values(said, [mended(targets[index].text) for index in kept])
        return rows

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """The weighted mean of the figures [B]; NaN where all weights are 0."""
        return mean(rows, weights)
