"""How sure a model was of each box it wrote: the probability of the tokens that spell it.

In: a reply with the log-probabilities of its tokens, and the codec of its coordinates. Out: a
number in 0…1 a box, the geometric mean of the probabilities of the tokens between its first and
last character. It ranks boxes; that it is calibrated has to be measured (``box_calibration``).
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

from radvlm.protocols import BoxCodec
from radvlm.records import Answer, Box, Reply


def box_confidences(
    reply: Reply, codec: BoxCodec, size: tuple[int, int]
) -> list[tuple[Box, float | None]]:
    """The boxes of a reply in order, each with its confidence; none where none was recorded."""
    parts, _ = codec.parse(reply.text, size)
    boxes = [box for part in parts if isinstance(part, tuple) for box in part]
    spans = codec.spans(reply.text, size)
    return [(box, _mean(reply, *span)) for box, span in zip(boxes, spans, strict=True)]


def with_confidences(
    answer: Answer, reply: Reply, codec: BoxCodec, size: tuple[int, int]
) -> Answer:
    """The answer with the confidences of its boxes; of equal boxes the first is meant first."""
    if not answer.boxes or reply.token_logprobs is None:
        return answer
    known: dict[Box, list[float | None]] = defaultdict(list)
    for box, confidence in box_confidences(reply, codec, size):
        known[box].append(confidence)
    boxes = tuple(
        (name, box, known[box].pop(0) if known[box] else before)
        for name, box, before in answer.boxes
    )
    return replace(answer, boxes=boxes)


def _mean(reply: Reply, start: int, end: int) -> float | None:
    """Geometric mean over the tokens that have a character in [start, end)."""
    if reply.token_logprobs is None or reply.token_ends is None:
        return None
    reach = pairwise((0, *reply.token_ends))
    said = [
        logprob
        for (first, last), logprob in zip(reach, reply.token_logprobs, strict=True)
        if first < end and last > start
    ]
    return math.exp(sum(said) / len(said)) if said else None
