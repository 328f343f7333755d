"""Any model of this package as a score: the logit of "yes" to "Is there …?" of an image.

Where a model gives log-probabilities they are used (``yes_no``); a served model that gives none is
asked and read, and its answer counts as a logit of ±3.
"""

from __future__ import annotations

import numpy as np

from radvlm.errors import IncompleteError, InputError
from radvlm.explain.counterfactual import Scorer
from radvlm.explain.intervals import Floats
from radvlm.protocols import Chat, Decoding, Model, Pixels
from radvlm.records import Turn
from radvlm.tasks.labels import read_labels
from radvlm.tasks.lexicon import with_article
from radvlm.yes_no import label_probabilities

SAID = 3.0
"""The logit that a plain yes counts as: it is sure, but nobody knows how sure."""

TOGETHER = 8
"""Images that are asked about at once."""

_LEAST = 1e-9


def yes_no_scorer(model: Model, finding: str) -> Scorer:
    """The model's logit of the finding being present, for images uint8 [n, s, s]."""

    def scores(images: Pixels) -> Floats:
        try:
            return np.array([_logit(model, image, finding) for image in images])
        except InputError:
            asked = replies(model, images, f"Is there {with_article(finding)}?")
            return np.array([_said(text, finding) for text in asked])

    return scores


def replies(model: Model, images: Pixels, question: str) -> list[str]:
    """The model's answers to one question about each of the images.

    Raises:
        IncompleteError: a request came to nothing; figures of the rest alone would mislead.
    """
    said: list[str] = []
    for start in range(0, len(images), TOGETHER):
        some = images[start : start + TOGETHER]
        chats = [Chat((image,), (Turn("user", (question,)),)) for image in some]
        found = dict(model.answer(chats, Decoding()))
        if failed := sum(reply.finish == "error" for reply in found.values()):
            raise IncompleteError(
                f"{failed} of {len(chats)} requests came to nothing",
                model.info.name,
                "See that the server answers, then run it again",
            )
        said += [found[k].text for k in range(len(chats))]
    return said


def _logit(model: Model, image: Pixels, finding: str) -> float:
    p = label_probabilities(model, (image,), [finding])[finding]
    p = min(max(p, _LEAST), 1 - _LEAST)
    return float(np.log(p / (1 - p)))


def _said(text: str, finding: str) -> float:
    said = read_labels(text, [finding]).get(finding)
    if said is None:
        word = text.strip().lower()
        said = "present" if word.startswith("yes") else "absent" if word.startswith("no") else None
    return {"present": SAID, "absent": -SAID}.get(said or "", 0.0)
