"""Constrained decoding for local families: tokens that a form forbids are never chosen.

The likeliest tokens are tried first and the search ends with the first few that fit, so a large
vocabulary costs nothing; greedy decoding is exact, sampling draws among those found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor

from radvlm.constraints import Matcher
from radvlm.protocols import Constraint

_FIRST, _ENOUGH = 32, 8
"""Tokens tried at first (then eight times as many, and so on), and how many that fit end it."""


class Held(LogitsProcessor):  # type: ignore[misc]  # untyped base
    """Leaves finite scores only to tokens after which a reply of the form is still possible."""

    def __init__(
        self, constraint: Constraint, tokenizer: Any, ends: Sequence[int], prompt: int
    ) -> None:
        self._matcher = Matcher(constraint)
        self._tokenizer, self._ends, self._prompt = tokenizer, list(ends), prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Ids so far [b, n] and scores [b, v] → scores with all else at minus infinity."""
        held = torch.full_like(scores, float("-inf"))
        for row, ids in enumerate(input_ids[:, self._prompt :].tolist()):
            allowed = self._allowed(ids, scores[row])
            held[row, allowed] = scores[row, allowed]
        return held

    def _allowed(self, ids: list[int], scores: torch.Tensor) -> list[int]:
        """Tokens that may follow; an end token where nothing else can, or the form is complete."""
        if not set(ids).isdisjoint(self._ends):
            return self._ends
        said = self._text(ids)
        ends = self._ends if self._matcher.is_whole(said) else []
        order = scores.argsort(descending=True).tolist()
        found: list[int] = []
        tried, step = 0, _FIRST
        while tried < len(order) and not (found or (ends and tried)):
            some, tried, step = order[tried : tried + step], tried + step, step * 8
            found += [t for t in some if t not in self._ends and self._fits(said, [*ids, t])]
        return [*found[:_ENOUGH], *ends] or self._ends

    def _fits(self, said: str, ids: list[int]) -> bool:
        text = self._text(ids)
        return len(text) > len(said) and self._matcher.may_begin(text)

    def _text(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text
