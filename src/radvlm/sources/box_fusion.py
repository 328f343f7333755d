"""Weighted box fusion: what several readers drew of one finding becomes one set of boxes.

In: the boxes of each reader, of one class on one image. Out: fused boxes, each with the share of
readers who drew it. The method is that of Solovyev, Wang and Gabruseva 2021 (Image and Vision
Computing 107), where every box has the same score: boxes and clusters are those of the package
``ensemble-boxes``, and the share is its confidence ``box_and_model_avg`` with one list a reader.
All readers in one list, as RadVLM has it, gives the same boxes, each with confidence 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from radvlm.boxes import iou_matrix, mean_box
from radvlm.records import Box


def fuse(readers: Sequence[Sequence[Box]], threshold: float) -> list[tuple[Box, float]]:
    """Fused boxes, those that most readers drew first, each with its share of readers in 0…1.

    A box joins the fused box it overlaps most, provided IoU > ``threshold``, and moves it to the
    mean of all that joined; otherwise it starts one of its own. A reader who drew nothing counts
    as one who did not draw it, and one who drew a box twice counts once in the share. Boxes are
    taken in the order given, reader by reader; the order can matter where many overlap.
    """
    clusters: list[list[Box]] = []
    voters: list[set[int]] = []
    fused: list[Box] = []
    for reader, boxes in enumerate(readers):
        for box in boxes:
            index = _nearest(box, fused, threshold)
            if index is None:
                clusters.append([box])
                voters.append({reader})
                fused.append(box)
            else:
                clusters[index].append(box)
                voters[index].add(reader)
                fused[index] = mean_box(clusters[index])
    shares = [len(who) / len(readers) for who in voters]
    return sorted(zip(fused, shares, strict=True), key=lambda pair: -pair[1])


def _nearest(box: Box, fused: Sequence[Box], threshold: float) -> int | None:
    """The fused box of greatest IoU above the threshold, the first of equals."""
    if not fused:
        return None
    overlap = iou_matrix([box], fused)[0]
    best = int(overlap.argmax())
    return best if overlap[best] > threshold else None
