"""Geometry of boxes: overlap, matching, means. Coordinates are fractions of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.errors import RecordError
from radvlm.records import Box

Floats = NDArray[np.float64]


def as_array(boxes: Sequence[Box]) -> Floats:
    """Boxes as float64 [n, 4] in the order x1, y1, x2, y2."""
    return np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes], dtype=np.float64).reshape(-1, 4)


def iou_matrix(a: Sequence[Box], b: Sequence[Box]) -> Floats:
    """Intersection over union of every pair, float64 [len(a), len(b)] in 0…1."""
    left, right = as_array(a)[:, None, :], as_array(b)[None, :, :]
    low = np.maximum(left[..., :2], right[..., :2])
    high = np.minimum(left[..., 2:], right[..., 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=-1)
    union = _area(left) + _area(right) - overlap
    return np.asarray(overlap / union, dtype=np.float64)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0…1."""
    return float(iou_matrix([a], [b])[0, 0])


def greedy_match(predicted: Sequence[Box], target: Sequence[Box], threshold: float) -> list[bool]:
    """Whether each predicted box, in the order given, hits a target not yet taken.

    A prediction takes the free target it overlaps most, provided IoU ≥ ``threshold``
    (the rule of the PASCAL VOC and COCO evaluations, per image).
    """
    overlap = iou_matrix(predicted, target)
    free = np.ones(len(target), dtype=bool)
    hits = []
    for row in overlap:
        candidates = np.where(free, row, -1.0)
        best = int(candidates.argmax()) if len(target) else -1
        hit = best >= 0 and bool(candidates[best] >= threshold)
        if hit:
            free[best] = False
        hits.append(hit)
    return hits


def mean_box(boxes: Sequence[Box]) -> Box:
    """The box whose corners are the means of the corners of at least one box."""
    x1, y1, x2, y2 = as_array(boxes).mean(axis=0)
    return Box(float(x1), float(y1), float(x2), float(y2))


def from_pixels(corners: tuple[float, float, float, float], width: float, height: float) -> Box:
    """A box of pixel corners x1, y1, x2, y2 on an image of that size, clipped to the image.

    Raises:
        RecordError: the corners are inverted, or nothing of the box lies on the image.
    """
    x1, y1, x2, y2 = corners
    if not (x1 < x2 and y1 < y2):
        raise RecordError("a box is inverted or empty")
    if not (x1 < width and y1 < height and x2 > 0 and y2 > 0):
        raise RecordError("a box lies outside the image")
    return Box(max(x1 / width, 0), max(y1 / height, 0), min(x2 / width, 1), min(y2 / height, 1))


def _area(boxes: Floats) -> Floats:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))
