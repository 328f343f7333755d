"""Any model of this package as a score: the logit of "yes" to "Is there …?" of an image.

Where a model gives log-probabilities they are used (``yes_no``); a served model that gives none is
asked and read, and its answer counts as a logit of ±3.
"""

from __future__ import annotations

import numpy as np

from radvlm.errors import InputError
from radvlm.explain.counterfactual import Scorer
from radvlm.explain.intervals import Floats
from radvlm.protocols import Chat, Decoding, Model, Pixels
from radvlm.records import Turn
from radvlm.tasks.labels import read_labels
from radvlm.tasks.lexicon import with_article
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


def reply(model: Model, image: Pixels, question: str) -> str:
    """The model's answer to one question about one image."""
    chat = Chat((image,), (Turn("user", (question,)),))
    return next(iter(model.answer([chat], Decoding())))[1].text


def _logit(model: Model, image: Pixels, finding: str) -> float:
    p = label_probabilities(model, (image,), [finding])[finding]
    p = min(max(p, _LEAST), 1 - _LEAST)
    return float(np.log(p / (1 - p)))


def _said(model: Model, image: Pixels, finding: str) -> float:
    text = reply(model, image, f"Is there {with_article(finding)}?")
    said = read_labels(text, [finding]).get(finding)
    if said is None:
        word = text.strip().lower()
        said = "present" if word.startswith("yes") else "absent" if word.startswith("no") else None
    return {"present": SAID, "absent": -SAID}.get(said or "", 0.0)
