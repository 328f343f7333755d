"""Which answered boxes are held against which target boxes.

Names must agree only where the target has more than one distinct name (detection); where one
thing was asked for, every box of the answer is about it, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Iterator

from radvlm.boxes import greedy_match
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
