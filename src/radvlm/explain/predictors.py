"""Any model of this package as a score: the logit of "yes" to "Is there …?" of an image.

Where a model gives log-probabilities they are used (``yes_no``); a served model that gives none is
asked and read, and its answer counts as a logit of ±3. Besides: what its report says, its boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radvlm.boxes import iou
from radvlm.errors import InputError
from radvlm.explain.counterfactual import Scorer
from radvlm.explain.intervals import Floats, share
from radvlm.protocols import Chat, Decoding, Model, Pixels
from radvlm.records import Answer, Box, Turn
from radvlm.tasks import abnormality_grounding, report
from radvlm.tasks.labels import read_labels
from radvlm.tasks.lexicon import spoken, with_article
from radvlm.yes_no import label_probabilities

SAID = 3.0
"""The logit that a plain yes counts as: it is sure, but nobody knows how sure."""

_LEAST = 1e-9


def yes_no_scorer(model: Model, finding: str) -> Scorer:
    """The model's logit of the finding being present, for images uint8 [n, s, s]."""

    def scores(images: Pixels) -> Floats:
        try:
            return np.array([_logit(model, image, finding) for image in images])
        except InputError:
            return np.array([_said(model, image, finding) for image in images])

    return scores


def report_changes(
    model: Model, before: Pixels, after: Pixels, names: Sequence[str]
) -> dict[str, Any]:
    """Share of images whose report says something else of each name, read by the label rules."""
    question = report.QUESTION.templates[0]
    was = [read_labels(_answer(model, image, question), names) for image in before]
    now = [read_labels(_answer(model, image, question), names) for image in after]
    return {
        name: share(np.array([a.get(name) != b.get(name) for a, b in zip(was, now, strict=True)]))
        for name in names
    }


def box_changes(model: Model, before: Pixels, after: Pixels, finding: str) -> dict[str, Any]:
    """Share of images whose boxes of the finding come, go or overlap with less than half."""
    was = [_boxes(model, image, finding) for image in before]
    now = [_boxes(model, image, finding) for image in after]
    pairs = list(zip(was, now, strict=True))
    return {
        "appeared": share(np.array([not a and bool(b) for a, b in pairs])),
        "moved": share(np.array([bool(a and b) and iou(a[0], b[0]) < 0.5 for a, b in pairs])),
    }


def _logit(model: Model, image: Pixels, finding: str) -> float:
    p = label_probabilities(model, (image,), [finding])[finding]
    p = min(max(p, _LEAST), 1 - _LEAST)
    return float(np.log(p / (1 - p)))


def _said(model: Model, image: Pixels, finding: str) -> float:
    reply = _answer(model, image, f"Is there {with_article(finding)}?")
    said = read_labels(reply, [finding]).get(finding)
    if said is None:
        word = reply.strip().lower()
        said = "present" if word.startswith("yes") else "absent" if word.startswith("no") else None
    return {"present": SAID, "absent": -SAID}.get(said or "", 0.0)


def _answer(model: Model, image: Pixels, question: str) -> str:
    chat = Chat((image,), (Turn("user", (question,)),))
    return next(iter(model.answer([chat], Decoding())))[1].text


def _boxes(model: Model, image: Pixels, finding: str) -> list[Box]:
    question = abnormality_grounding.QUESTION.templates[1].format(spoken(finding))
    reply = _answer(model, image, question)
    parts, _ = model.codec.parse(reply, (image.shape[1], image.shape[0]))
    answer: Answer = abnormality_grounding.AbnormalityGrounding().read(parts, (question,))
    return [box for _, box, _ in answer.boxes]
