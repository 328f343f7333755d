"""How likely a model takes a label to be present: "yes" against "no" to a plain question.

In: a model that gives log-probabilities, an image, names. Out: for each name the probability of
"Yes, there is a …." over that of "No, there is no …." after "Is there a …?"; 0…1, not calibrated.
Whole sentences are compared: a tokenizer may hold "Yes, there is" as one token, and then the token
"Yes" alone says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from radvlm.protocols import Chat, Model, Pixels
from radvlm.records import Turn
from radvlm.tasks.lexicon import spoken, with_article

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
        asked = names[start : start + _TOGETHER // 2]
        yes_no = [f"Yes, there is {with_article(name)}." for name in asked]
        yes_no += [f"No, there is no {spoken(name)}." for name in asked]
        sums = [sum(tokens) for tokens in model.logprobs([*some, *some], yes_no)]
        said += [
            1 / (1 + math.exp(min(700.0, no - yes)))
            for yes, no in zip(sums[: len(some)], sums[len(some) :], strict=True)
        ]
    return dict(zip(names, said, strict=True))


def _chat(images: tuple[Path | Pixels, ...], name: str) -> Chat:
    return Chat(images, (Turn("user", (f"Is there {with_article(name)}?",)),))
