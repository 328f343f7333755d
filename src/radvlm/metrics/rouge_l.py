"""ROUGE-L of free text against its reference: the mean of each answer's F-measure.

Lin 2004, as computed by Google's ``rouge-score`` with the Porter stemmer (the RadVLM paper's
setting, §4.1); stemmed and unstemmed figures must not be compared, so the key says which.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from radvlm.metrics.counts import mean
from radvlm.protocols import Rows
from radvlm.records import Answer


class RougeL:
    """Rows [n, 2]: the answer's F-measure 0…1 and the count 1; an unreadable answer has (0, 1)."""

    key = "rouge_l/stemmed-f1"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (F-measure, 1) an answer, of ``answer.text`` against ``target.text``."""
        scorer = RougeScorer(["rougeL"], use_stemmer=True)
        values = [
            scorer.score(target.text, answer.text)["rougeL"].fmeasure if answer.readable else 0.0
            for answer, target in zip(answers, targets, strict=True)
        ]
        return np.array([(value, 1.0) for value in values], dtype=np.float64).reshape(-1, 2)

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The weighted mean F-measure [B]; NaN where all weights are 0."""
        return mean(rows, weights)
