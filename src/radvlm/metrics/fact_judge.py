"""The fact judge: how much of what an answer should say it says, less what it says wrongly.

A fact is one (name, status) of the target, among them ``side: right`` and ``projection: PA``, or
one box of the target, which is right where a box of the answer overlaps it by half (IoU ≥ 0.5).
Wrong is a claim against the target: a finding present that is absent and the reverse, another side
or projection, a box nothing wanted. It is no language model's opinion, and its figures must not be
set beside those of one (RadVLM paper, §4.1.4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import mean
from radvlm.metrics.pairing import hits
from radvlm.protocols import Rows
from radvlm.records import Answer

_CERTAIN = {"present", "absent"}


class FactJudge:
    """Rows [n, 2]: points and facts; of an answer 0 ≤ points ≤ facts, an unreadable one has none.

    Answers whose target holds no fact have no weight.
    """

    key = "fact_judge/right-minus-wrong,iou=0.5"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (points, facts) an answer."""
        pairs = zip(answers, targets, strict=True)
        return np.array([_points(*pair) for pair in pairs], dtype=np.float64).reshape(-1, 2)

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points over facts, pooled over answers, [B]; NaN where there are no facts."""
        return mean(rows, weights)


def _points(answer: Answer, target: Answer) -> tuple[int, int]:
    facts = len(target.labels) + len(target.boxes)
    if not answer.readable:
        return 0, facts
    right = sum(answer.labels.get(name) == status for name, status in target.labels.items())
    found = sum(hits(answer, target, 0.5)) if target.boxes else 0
    astray = len(answer.boxes) - found if target.boxes else 0
    return max(right + found - _denied(answer, target) - astray, 0), facts


def _denied(answer: Answer, target: Answer) -> int:
    """Claims of the answer that the target contradicts."""
    wrong = 0
    for name, status in answer.labels.items():
        wanted = target.labels.get(name)
        kind, detail, _ = name.partition(": ")
        if detail:
            others = [known for known in target.labels if known.startswith(f"{kind}: ")]
            wrong += bool(others) and name not in others
        else:
            wrong += wanted in _CERTAIN and status in _CERTAIN and wanted != status
    return wrong
