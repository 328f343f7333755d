"""Writing replies with transformers' ``generate``: options, log-probabilities, streams.

``generate`` is told everything a reply depends on; nothing is left to a checkpoint's own
``generation_config`` but top-k and top-p, which play no part in greedy writing.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Literal

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)

from radvlm.protocols import Decoding
from radvlm.records import Reply


def options(decoding: Decoding, ends: Sequence[int], pad: int) -> dict[str, Any]:
    """Keyword arguments of ``generate`` for one reply a row.

    No penalty on repetition: the same digits may well stand in two boxes.
    """
    sampled = decoding.temperature > 0
    return {
        "max_new_tokens": decoding.max_tokens,
        "do_sample": sampled,
        **({"temperature": decoding.temperature} if sampled else {}),
        "repetition_penalty": 1.0,
        "pad_token_id": pad,
        "eos_token_id": list(ends),
    }


def to_reply(
    tokenizer: Any,
    ids: Sequence[int],
    ends: Sequence[int],
    seconds: float,
    logprobs: Sequence[float] | None,
) -> Reply:
    """What was written up to the end of the turn; ``logprobs`` are those of its tokens."""
    length = next((k for k, token in enumerate(ids) if token in ends), None)
    kept = list(ids[:length])
    text = tokenizer.decode(kept, skip_special_tokens=True).strip()
    finish: Literal["stop", "length"] = "length" if length is None else "stop"
    if logprobs is None:
        return Reply(text, len(kept), finish, seconds)
    said, ends_at = tuple(logprobs[: len(kept)]), token_ends(tokenizer, kept)
    return Reply(text, len(kept), finish, seconds, said, ends_at)


def token_ends(tokenizer: Any, ids: Sequence[int]) -> tuple[int, ...]:
    """Up to which character of the stripped text each token reaches.

    Beginnings are decoded one by one: a token may be half a character, or a blank only in company.
    """
    begun = [tokenizer.decode(ids[:k], skip_special_tokens=True) for k in range(1, len(ids) + 1)]
    whole = begun[-1] if begun else ""
    left, length = len(whole) - len(whole.lstrip()), len(whole.strip())
    return tuple(min(max(len(text) - left, 0), length) for text in begun)


class Listener(LogitsProcessor):  # type: ignore[misc]  # untyped base
    """Hears the log-probability of every token as it is chosen, keeping one step's scores only."""

    def __init__(self) -> None:
        self._scores: torch.Tensor | None = None
        self._heard: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Called before each choice with the ids so far [b, n] and the network's scores [b, v]."""
        self._hear(input_ids)
        self._scores = scores.float().log_softmax(-1)
        return scores

    def heard(self, written: torch.Tensor) -> list[list[float]]:
        """For each row of the finished ids, a number a token written."""
        self._hear(written)
        return torch.stack(self._heard, dim=1).tolist()

    def _hear(self, ids: torch.Tensor) -> None:
        if self._scores is not None:
            self._heard.append(self._scores.gather(-1, ids[:, -1:])[:, 0])


class _Abandoned(StoppingCriteria):  # type: ignore[misc]  # untyped base
    def __init__(self) -> None:
        self.event = Event()

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), self.event.is_set(), device=input_ids.device)


def processed(processors: Sequence[LogitsProcessor]) -> dict[str, Any]:
    """The keyword argument of ``generate`` that has these see each step's scores, in order."""
    return {"logits_processor": LogitsProcessorList(processors)} if processors else {}


def stream(network: Any, tokenizer: Any, inputs: Mapping[str, Any]) -> Generator[str, None, Any]:
    """Text of one row piece by piece; returns what ``generate`` returned.

    A reader who stops early stops the writing; an error while writing is raised here.
    """
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    abandoned = _Abandoned()
    stops = StoppingCriteriaList([abandoned])
    pool = ThreadPoolExecutor(1)
    written = pool.submit(network.generate, **inputs, streamer=streamer, stopping_criteria=stops)
    written.add_done_callback(lambda _: streamer.end())
    pool.shutdown(wait=False)
    try:
        yield from streamer
    finally:
        abandoned.event.set()
    return written.result()
