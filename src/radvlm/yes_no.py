"""How likely a model takes a label to be present: "yes" against "no" to the closed question.

In: a model that gives log-probabilities, an image, names. Out: for each name the probability of
the first token of "Yes, …" over that of "No, …" after "Is there evidence of …?"; 0…1, not
calibrated. Every wording of our training data begins with one of the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from radvlm.protocols import Chat, Model, Pixels
from radvlm.records import Turn
from radvlm.tasks.classification import CLOSED
from radvlm.tasks.lexicon import spoken

_TOGETHER = 32
"""Questions in one pass through the network: bounds its memory."""


def label_probabilities(
    model: Model, images: tuple[Path | Pixels, ...], names: Sequence[str]
) -> dict[str, float]:
    """Name → probability that it is present, of one image (or several of a study).

    Raises:
        InputError: the model is behind an endpoint, which scores no given text.
    """
    chats = [_chat(images, name) for name in names]
    said: list[float] = []
    for start in range(0, len(chats), _TOGETHER // 2):
        some = chats[start : start + _TOGETHER // 2]
        scored = model.logprobs([*some, *some], ["Yes"] * len(some) + ["No"] * len(some))
        first = [tokens[0] for tokens in scored]
        said += [
            1 / (1 + math.exp(min(700.0, no - yes)))
            for yes, no in zip(first[: len(some)], first[len(some) :], strict=True)
        ]
    return dict(zip(names, said, strict=True))


def _chat(images: tuple[Path | Pixels, ...], name: str) -> Chat:
    question = CLOSED.templates[0].format(spoken(name))
    return Chat(images, (Turn("user", (question,)),))
