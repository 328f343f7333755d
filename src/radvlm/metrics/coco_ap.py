"""COCO average precision of boxes that carry confidences, by name (Lin et al. 2014; cocoeval).

All answered boxes of a name are ranked by confidence over all answers; precision, made monotone, is
read off at 101 recalls; the figure is the mean over IoU thresholds and names. At most 100 boxes an
answer and a name count. Boxes of a name that no target has do not count, as in COCO: ``box_f1_50``
charges them. Equal confidences are one step of the curve, so that the order of the answers does not
matter (COCO takes them as they come, and never does worse). Boxes without a confidence come last.

The curve is a function of the rows and their weights, which the peers' (pycocotools,
faster-coco-eval) is not; for single weights all three agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.boxes import iou_matrix
from radvlm.errors import InputError
from radvlm.metrics.counts import ratio
from radvlm.protocols import Rows
from radvlm.records import Answer, Box

Floats = NDArray[np.float64]

_RECALLS = np.linspace(0, 1, 101)
_MOST = 100
"""Boxes an answer and a name that count, as in COCO."""

_ELEMENTS = 2_000_000
"""Weights of boxes held at once: bounds the memory, whatever the number of boxes."""

_MASKS = 1 << 10
"""A box is coded as its name's index times this, plus a bit for each threshold at which it hits."""


class CocoAp:
    """Rows [n, 1 + C + 2·D]: the number of names C, target boxes of each, then D answered boxes.

    A box is its confidence and its code (``_MASKS``); NaN where an answer has fewer. An unreadable
    answer is charged, ranked before everything, a false box for each target and each denied name,
    and no fewer of a name than it holds.
    """

    key = "coco_ap/iou=0.50:0.95,by-name,101-recalls"
    thresholds = tuple(np.linspace(0.5, 0.95, 10).tolist())

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer.

        Raises:
            InputError: boxes were answered and none of them carries a confidence.
        """
        _check_confidences(answers)
        names = sorted({name for target in targets for name, _, _ in target.boxes})
        found = [
            [(score, index * _MASKS + mask) for index, score, mask in self._boxes(a, t, names)]
            for a, t in zip(answers, targets, strict=True)
        ]
        width = max(map(len, found), default=0)
        rows = np.full((len(targets), 1 + len(names) + 2 * width), np.nan)
        rows[:, 0] = len(names)
        for row, target, boxes in zip(rows, targets, found, strict=True):
            said = [name for name, _, _ in target.boxes]
            row[1 : 1 + len(names)] = [said.count(name) for name in names]
            row[1 + len(names) :][: 2 * len(boxes)] = np.ravel(boxes)
        return rows

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """Mean AP 0…1 over the names with target boxes, [B]; NaN where no name has any."""
        names = int(rows[0, 0]) if len(rows) else 0
        positives = weights @ rows[:, 1 : 1 + names]
        scores, codes = rows[:, 1 + names :: 2], rows[:, 2 + names :: 2]
        image, slot = np.nonzero(~np.isnan(codes))
        score, code = scores[image, slot], codes[image, slot].astype(np.int64)
        total = np.zeros(len(weights))
        for index in range(names):
            own = np.flatnonzero(code // _MASKS == index)
            ranked = own[np.argsort(-score[own], kind="stable")]
            curve = _Ranked(image[ranked], score[ranked], code[ranked] % _MASKS)
            total += curve.ap(weights, positives[:, index], len(self.thresholds))
        return ratio(total, (positives > 0).sum(axis=1).astype(np.float64))

    def _boxes(
        self, answer: Answer, target: Answer, names: Sequence[str]
    ) -> Iterator[tuple[int, float, int]]:
        """(index of the name, confidence, hits as bits) of the boxes of an answer that count."""
        about = _about(answer, target)
        wanted = [name for name, _, _ in target.boxes] or _denied(target)
        for index, name in enumerate(names):
            own = [i for i, other in enumerate(about) if other == name]
            if not answer.readable:
                charged = max(len(own), wanted.count(name))
                yield from [(index, np.inf, 0)] * min(charged, _MOST)
                continue
            score = {i: _score(answer.boxes[i][2]) for i in own}
            ranked = sorted(own, key=lambda i: -score[i])[:_MOST]
            said = [answer.boxes[i][1] for i in ranked]
            masks = _hits(said, [b for n, b, _ in target.boxes if n == name], self.thresholds)
            yield from ((index, score[i], mask) for i, mask in zip(ranked, masks, strict=True))


class CocoAp50(CocoAp):
    """The same at IoU 0.5 alone."""

    key = "coco_ap50/iou=0.50,by-name,101-recalls"
    thresholds = (0.5,)


class _Ranked:
    """The answered boxes of one name, the most confident first: answer, confidence, hits [m]."""

    def __init__(self, image: NDArray[np.int64], score: Floats, mask: NDArray[np.int64]) -> None:
        self.image, self.mask = image, mask
        self.ends = np.flatnonzero(np.append(score[1:] != score[:-1], len(score) > 0))
        self.step = np.searchsorted(self.ends, np.arange(len(score)))

    def ap(self, weights: Floats, positives: Floats, thresholds: int) -> Floats:
        """AP for each weighting [B, n] of the answers, mean over thresholds, [B]; 0 without any."""
        values = np.zeros(len(weights))
        size = max(1, _ELEMENTS // max(1, len(self.image)))
        for start in range(0, len(weights) if len(self.image) else 0, size):
            part = slice(start, start + size)
            own = weights[part, self.image]
            ranked = np.cumsum(own, axis=1)[:, self.ends]
            values[part] = sum(
                self._area(own, ranked, positives[part], np.flatnonzero(self.mask >> bit & 1))
                for bit in range(thresholds)
            )
        return values / thresholds

    def _area(
        self, own: Floats, ranked: Floats, positives: Floats, hits: NDArray[np.int64]
    ) -> Floats:
        """AP of the boxes ``hits``; only where they stand can the curve gain recall."""
        if not len(hits):
            return np.zeros(len(own))
        step = self.step[hits]
        last = np.append(step[1:] != step[:-1], True)
        true = np.cumsum(own[:, hits], axis=1)[:, last]
        precision = np.nan_to_num(ratio(true, ranked[:, step[last]]))
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recall = np.nan_to_num(ratio(true, np.broadcast_to(positives[:, None], true.shape)))
        reached = np.where(true > 0, np.searchsorted(_RECALLS, recall, side="right"), 0)
        gained = np.diff(reached, axis=1, prepend=0)
        return np.asarray((envelope * gained).sum(axis=1) / len(_RECALLS), dtype=np.float64)


def _check_confidences(answers: Sequence[Answer]) -> None:
    sure = [sure for answer in answers if answer.readable for _, _, sure in answer.boxes]
    if sure and all(one is None for one in sure):
        raise InputError("not defined: no answered box carries a confidence")


def _about(answer: Answer, target: Answer) -> list[str]:
    """The name each answered box counts for: that asked for where it is one, else its own."""
    asked = {name for name, _, _ in target.boxes} or set(_denied(target))
    only = asked.pop() if len(asked) == 1 else None
    return [name if only is None else only for name, _, _ in answer.boxes]


def _denied(target: Answer) -> list[str]:
    return [name for name, status in target.labels.items() if status == "absent"]


def _score(confidence: float | None) -> float:
    return -np.inf if confidence is None or np.isnan(confidence) else confidence


def _hits(said: Sequence[Box], wanted: Sequence[Box], thresholds: Sequence[float]) -> list[int]:
    """Bit k of each box: whether it hits a free target at threshold k; of equals the last."""
    masks = [0] * len(said)
    table = iou_matrix(said, wanted).tolist()
    for bit, threshold in enumerate(thresholds):
        free = set(range(len(wanted)))
        for index, row in enumerate(table):
            reached = [(row[j], j) for j in free if row[j] >= threshold]
            if reached:
                free.remove(max(reached)[1])
                masks[index] |= 1 << bit
    return masks
