"""What a model writes and boxes of images before and after an edit, beside random steps as long.

Only images whose edit the judge confirms are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radvlm.boxes import iou_matrix
from radvlm.explain.auditing import Edit
from radvlm.explain.intervals import share
from radvlm.explain.predictors import replies
from radvlm.protocols import Model, Pixels
from radvlm.records import Box
from radvlm.tasks import abnormality_grounding, report
from radvlm.tasks.labels import read_labels
from radvlm.tasks.lexicon import spoken

SAME = 0.5
"""Intersection over union from which on two boxes are at one place."""

KINDS = ("appears", "vanishes", "moves", "random")
"""What can become of a report or of boxes, and whether a random step does any of it."""

Shares = dict[str, Any]


def report_changes(model: Model, edit: Edit, names: Sequence[str]) -> dict[str, Shares]:
    """Name → in which share of the images the model's report begins or ceases to tell of it.

    Reports are read by the label rules; ``random`` is the share in which a random step as long
    does either.
    """
    was, now, random = (told_of(model, images, names) for images in _images(edit))
    return {
        name: {
            "appears": share(now[:, k] & ~was[:, k]),
            "vanishes": share(was[:, k] & ~now[:, k]),
            "random": share(random[:, k] != was[:, k]),
        }
        for k, name in enumerate(names)
    }


def box_changes(model: Model, edit: Edit, finding: str) -> Shares:
    """In which share of the images the model's boxes of a finding appear, vanish or move.

    They move where boxes stay, but one before or after has none of the other side at its place
    (IoU ≥ 0.5); ``random`` is the share in which a random step as long does any of the three.
    """
    was, now, random = (_boxes(model, images, finding) for images in _images(edit))
    kinds = np.array([_kind(*pair) for pair in zip(was, now, strict=True)])
    by_chance = np.array([_kind(*pair) for pair in zip(was, random, strict=True)])
    return {
        **{kind: share(kinds == kind) for kind in KINDS[:-1]},
        "random": share(by_chance != ""),
    }


def _images(edit: Edit) -> tuple[Pixels, Pixels, Pixels]:
    """Confirmed images before the edit, after it, and after a random step."""
    kept = edit.shown
    return edit.prepared.rebuilt[kept], edit.changed.images[kept], edit.random[0][kept]


def told_of(model: Model, images: Pixels, names: Sequence[str]) -> NDArray[np.bool_]:
    """Which names the report of each image calls present: [n, names]."""
    question = report.QUESTION.templates[0]
    told = [read_labels(text, names) for text in replies(model, images, question)]
    return np.array([[one.get(name) == "present" for name in names] for one in told])


def _boxes(model: Model, images: Pixels, finding: str) -> list[list[Box]]:
    question = abnormality_grounding.QUESTION.templates[1].format(spoken(finding))
    size, task = (images.shape[2], images.shape[1]), abnormality_grounding.AbnormalityGrounding()
    read = (model.codec.parse(text, size)[0] for text in replies(model, images, question))
    return [[box for _, box, _ in task.read(parts, (question,)).boxes] for parts in read]


def _kind(before: Sequence[Box], after: Sequence[Box]) -> str:
    """What became of an image's boxes; nothing where all stay at their places."""
    if not before or not after:
        return "appears" if after else "vanishes" if before else ""
    same = iou_matrix(before, after) >= SAME
    return "" if same.any(axis=0).all() and same.any(axis=1).all() else "moves"
