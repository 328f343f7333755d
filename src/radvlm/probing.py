"""``radvlm models probe``: which convention of boxes does a checkpoint really write?

In: a model and examples with boxes. Out: for each codec, how well the same replies fit the true
boxes when read with it. Weights and their ``radvlm.json`` can come apart (a checkpoint trained on
fractions, described as pixels), and then every box is wrong though the model is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from radvlm.boxes import iou
from radvlm.codecs import CODECS
from radvlm.errors import InputError
from radvlm.io.image import image_size
from radvlm.protocols import Chat, Decoding, Model
from radvlm.records import Box, Example, Turn

BETTER = 0.1
"""A codec's mean IoU has to exceed the checkpoint's own by this much to be named."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How replies read with one codec fit: mean IoU (0 where no box was read), and how many had."""

    codec: str
    own: bool
    mean_iou: float
    read: int
    of: int


@dataclass(frozen=True, slots=True)
class Probe:
    """All codecs, the best first, and a warning where another than the checkpoint's is better."""

    model: str
    fits: tuple[Fit, ...]
    warning: str | None


def probe(model: Model, examples: Sequence[Example], limit: int = 32) -> Probe:
    """Ask up to ``limit`` questions whose answer is one box, and read the replies in every way.

    Raises:
        InputError: no example has one box as its answer.
    """
    asked = list(_asked(examples))[:limit]
    if not asked:
        raise InputError("no example asks for one box", remedy="Build grounding tasks first")
    chats = [chat for chat, _ in asked]
    replies = dict(model.answer(chats, Decoding(max_tokens=128)))
    texts = [replies[index].text for index in range(len(asked))]
    sizes = [image_size(Path(str(chat.images[0]))) for chat in chats]
    fits = []
    for name, codec in CODECS.items():
        overlaps, read = 0.0, 0
        for text, size, (_, target) in zip(texts, sizes, asked, strict=True):
            parts, _ = codec.parse(text, size)
            found = [box for part in parts if isinstance(part, tuple) for box in part]
            read += bool(found)
            overlaps += max((iou(box, target) for box in found), default=0.0)
        fits.append(Fit(name, name == model.info.codec, overlaps / len(asked), read, len(asked)))
    fits.sort(key=lambda fit: (-fit.mean_iou, not fit.own))
    return Probe(model.info.name, tuple(fits), _warning(fits))


def _warning(fits: Sequence[Fit]) -> str | None:
    own, best = next(fit for fit in fits if fit.own), fits[0]
    if best.mean_iou < own.mean_iou + BETTER:
        return None
    return (
        f"{best.codec} fits better than the checkpoint's own {own.codec}: "
        f"mean IoU {best.mean_iou:.2f} against {own.mean_iou:.2f}; correct its radvlm.json"
    )


def _asked(examples: Sequence[Example]) -> Iterator[tuple[Chat, Box]]:
    """First questions that are answered with exactly one box."""
    for example in examples:
        turns = [turn for turn in example.turns if turn.role != "system"]
        target = turns[1].target if len(turns) > 1 else None
        if target is not None and len(target.boxes) == 1:
            images = tuple(Path(view.path) for view in example.views)
            yield Chat(images, (Turn("user", turns[0].parts),)), target.boxes[0][1]
