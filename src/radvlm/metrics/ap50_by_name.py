"""Average precision at IoU 0.5 of boxes ranked by their order in the text, by name.

Close to the published RadVLM evaluation (paper §4.1), which ``paper_map50`` is exactly: the AP of
each answer alone, the order of its boxes standing in for confidence, area under the
precision-recall curve as in PASCAL VOC (all points, precision made monotone); here averaged over
the answers about one name, then over names, so that frequent names do not outweigh rare ones, and
a denial where there is nothing is right. Known weakness: once every target is hit, any number of
further false boxes leaves AP at 1. ``box_f1_50`` is the honest companion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import ratio
from radvlm.metrics.pairing import hits
from radvlm.protocols import Rows
from radvlm.records import Answer


class Ap50ByName:
    """Rows [n, 2]: index of the target's name among those of the targets, sorted, and the AP.

    The name is that of the first target box, or of the first label where there is none. A target
    without boxes is worth 1 if no box was answered, else 0; an unreadable answer is worth 0.
    """

    key = "ap50_by_name/radvlm-text-order@iou=0.5"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (name index, AP 0…1) an answer."""
        asked = [_name(target) for target in targets]
        index = {name: i for i, name in enumerate(sorted(set(asked)))}
        rows = [
            (index[name], _value(answer, target))
            for name, answer, target in zip(asked, answers, targets, strict=True)
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, 2)

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over names (those with weight) of the weighted mean AP, [B]."""
        present, group = np.unique(rows[:, 0], return_inverse=True)
        member = (group[:, None] == np.arange(len(present))).astype(np.float64)
        count = weights @ member
        means = ratio(weights @ (member * rows[:, 1:]), count)
        return ratio(np.nansum(means, axis=1), (count > 0).sum(axis=1).astype(np.float64))


def average_precision(found: Sequence[bool], targets: int) -> float:
    """Area under the precision-recall curve of hits in rank order, for at least one target."""
    hit = np.array(found, dtype=np.float64)
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * hit).sum() / targets)


def _value(answer: Answer, target: Answer) -> float:
    if not answer.readable:
        return 0.0
    if not target.boxes:
        return float(not answer.boxes)
    return average_precision(hits(answer, target, 0.5), len(target.boxes))


def _name(target: Answer) -> str:
    return target.boxes[0][0] if target.boxes else next(iter(target.labels), "")
