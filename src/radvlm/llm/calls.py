"""What is asked of a language model and what comes back. Failures are values, and are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any, Literal

import orjson
from pydantic import BaseModel

from radvlm.llm.recipe import LlmSection

Failure = Literal["refused", "invalid", "rejected", "unreachable", "denied", "budget"]
"""The model refused; its answer was empty or did not fit the schema, mended once; the endpoint will
not take the request; no endpoint answered in all attempts; every endpoint turns us away for good
(key, model, path or quota); the budget is used up."""

Message = Mapping[str, Any]

_IMAGE_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """One call: messages in the OpenAI format, and the schema the answer has to fit, or none.

    ``max_tokens`` is the section's unless given; ``logprobs`` asks for those of the answer;
    ``extra`` holds further parameters of the endpoint's own.
    """

    messages: tuple[Message, ...]
    schema: type[BaseModel] | None = None
    max_tokens: int | None = None
    logprobs: bool = False
    extra: Mapping[str, Any] | None = None

    def key(self, section: LlmSection) -> str:
        """Hash of all that decides the answer: prompt, model and parameters."""
        said = [
            list(self.messages),
            section.model,
            [section.temperature, self.max_tokens or section.max_tokens, section.seed],
            schema_of(self.schema) if self.schema else None,
            self.logprobs,
            *([self.extra] if self.extra else []),
        ]
        return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class Result:
    """An answer (``text``, and ``parsed`` where a schema was asked for), or why there is none.

    ``stored`` tells that nothing was sent for it. ``attempts`` counts what was sent.
    """

    text: str = ""
    parsed: BaseModel | None = None
    failure: Failure | None = None
    tokens_input: int = 0
    tokens_output: int = 0
    cost: float = 0.0
    attempts: int = 0
    stored: bool = False
    finish: str = "stop"
    logprobs: tuple[float, ...] | None = None
    token_ends: tuple[int, ...] | None = None


@cache
def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, made once."""
    return kind.model_json_schema()


def data_message(data: Mapping[str, Any]) -> Message:
    """A user message that holds data alone, as JSON: text from a report stays a string in it."""
    return {"role": "user", "content": orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()}


def prompt_tokens(messages: Sequence[Message]) -> int:
    """About how many tokens some messages are: four characters each, a thousand an image."""
    total = 0
    for message in messages:
        content = message["content"]
        for part in [{"text": content}] if isinstance(content, str) else content:
            total += _IMAGE_TOKENS if "text" not in part else text_tokens(part["text"])
    return total


def text_tokens(text: str) -> int:
    """About how many tokens a text is: four characters each."""
    return len(text) // 4 + 1
