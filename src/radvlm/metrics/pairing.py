"""Which answered boxes are held against which target boxes.

Names must agree only where the target has more than one distinct name (detection); where one
thing was asked for, every box of the answer is about it, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from radvlm.boxes import greedy_match, iou_matrix
from radvlm.records import Answer, Box


def groups(answer: Answer, target: Answer) -> Iterator[tuple[list[int], list[Box], list[Box]]]:
    """(indices into ``answer.boxes``, those boxes, target boxes) of each set to be compared.

    Every box of the answer and of the target is in exactly one group.
    """
    names = {name for name, _, _ in target.boxes}
    keep_apart = len(names) > 1
    if keep_apart:
        names |= {name for name, _, _ in answer.boxes}
    for name in sorted(names) if keep_apart else [None]:
        said = [i for i, (other, _, _) in enumerate(answer.boxes) if name in (None, other)]
        wanted = [box for other, box, _ in target.boxes if name in (None, other)]
        yield said, [answer.boxes[i][1] for i in said], wanted


def hits(answer: Answer, target: Answer, threshold: float) -> list[bool]:
    """Whether each box of the answer, in its order, hits a target box at IoU ≥ ``threshold``."""
    found = [False] * len(answer.boxes)
    for indices, said, wanted in groups(answer, target):
        for index, hit in zip(indices, greedy_match(said, wanted, threshold), strict=True):
            found[index] = hit
    return found


def pair_overlaps(answer: Answer, target: Answer) -> list[float]:
    """IoU (0…1, above 0) of each pair of an answered box and a target box, the best pair first.

    One to one: the best overlap of all is a pair, then the best of what is left. An unreadable
    answer has no pairs.
    """
    found = []
    for _, said, wanted in groups(answer, target) if answer.readable else ():
        table = iou_matrix(said, wanted)
        while table.size and (best := float(table.max())) > 0:
            row, column = np.unravel_index(table.argmax(), table.shape)
            table[row, :] = table[:, column] = 0.0
            found.append(best)
    return found
