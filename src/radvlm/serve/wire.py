"""OpenAI's chat completions: what is asked, and the form of what is answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from radvlm.constraints import findings_json
from radvlm.errors import InputError, RecordError
from radvlm.protocols import Constraint, Decoding
from radvlm.records import Box, Part, Reply
from radvlm.vocabulary import CHEXPERT_13

FINDINGS = "radvlm_findings"
IGNORED = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"}
)
NEUTRAL = {"top_p": 1, "top_logprobs": 0, "frequency_penalty": 0, "presence_penalty": 0}
"""What clients send that changes nothing; any other unknown field is refused, not ignored."""

_BOX = re.compile(r"\[\s*" + r"\s*,\s*".join([r"([01](?:\.\d{1,6})?)"] * 4) + r"\s*\]")
_URL = r"^(data:[^,]*;base64,|radvlm://image/)"
Text = Annotated[str, Field(max_length=20_000)]
Url = Annotated[
    str,
    Field(
        description="data:image/…;base64,… or radvlm://image/ID; nothing is fetched",
        json_schema_extra={"pattern": _URL},
    ),
]


class ImageUrl(BaseModel):
    """``data:image/…;base64,…`` or ``radvlm://image/<id>``."""

    url: Url


class TextPart(BaseModel):
    """Text of a message."""

    type: Literal["text"]
    text: Text


class ImagePart(BaseModel):
    """An image of a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


class Message(BaseModel):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: Text | list[TextPart | ImagePart]

    @property
    def images(self) -> list[ImagePart]:
        """The images of the message."""
        parts = [] if isinstance(self.content, str) else self.content
        return [part for part in parts if isinstance(part, ImagePart)]


class JsonSchema(BaseModel):
    """The one schema that is served."""

    name: Annotated[str, Field(description=f"{FINDINGS}, the one that is served")]


class ResponseFormat(BaseModel):
    """Text, or findings with status and boxes as JSON."""

    type: Literal["text", "json_schema", "json_object"]
    json_schema: JsonSchema | None = None


class StreamOptions(BaseModel):
    """Whether the last event of a stream counts tokens."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The part of OpenAI's chat completion request that is served.

    Fields of OpenAI's that would change an answer and are not served are refused.
    """

    model_config = ConfigDict(extra="allow")

    model: str = ""
    messages: Annotated[list[Message], Field(min_length=1, max_length=64)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1024)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=1024)] | None = None
    n: Literal[1] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    logprobs: bool | None = None
    response_format: ResponseFormat | None = None

    def decoding(self) -> Decoding:
        """How to write the reply.

        Raises:
            InputError: something is asked for that is not served.
        """
        extra = {k: v for k, v in (self.model_extra or {}).items() if k not in IGNORED}
        if any(v is not None and v != NEUTRAL.get(k) for k, v in extra.items()):
            raise InputError("a field of the request is not served here; see /docs")
        return Decoding(
            self.max_completion_tokens or self.max_tokens or 256,
            self.temperature or 0.0,
            1,
            self.seed or 0,
            bool(self.logprobs),
            constraint_of(self.response_format),
        )


def constraint_of(format: ResponseFormat | None) -> Constraint | None:
    """The form that ``response_format`` holds a reply to; none for plain text.

    One schema is served, ``radvlm_findings``: a list of findings with status and boxes.

    Raises:
        InputError: another form is asked for.
    """
    if format is None or format.type == "text":
        return None
    named = format.json_schema if format.type == "json_schema" else None
    if named is not None and named.name == FINDINGS:
        return findings_json(CHEXPERT_13)
    raise InputError(f"response_format is text, or json_schema with the name {FINDINGS}")


def to_parts(text: str) -> tuple[Part, ...]:
    """Text with ``[x1, y1, x2, y2]`` fractions as text and boxes; what is no box stays text."""
    parts: list[Part] = []
    end = 0
    for found in _BOX.finditer(text):
        try:
            box = Box(*map(float, found.groups()))
        except RecordError:
            continue
        if before := text[end : found.start()]:
            parts.append(before)
        parts.append((box,))
        end = found.end()
    return (*parts, text[end:]) if text[end:] or not parts else tuple(parts)


def plain(parts: Sequence[Part]) -> list[Any]:
    """Text and boxes as the extension ``radvlm.parts`` carries them."""
    return [
        part if isinstance(part, str) else [[b.x1, b.y1, b.x2, b.y2] for b in part]
        for part in parts
    ]


def listed(reply: Reply) -> list[dict[str, Any]] | None:
    """The tokens of a reply and their log-probabilities, where the model told them."""
    if not reply.token_logprobs:
        return None
    pieces = [reply.text[a:b] for a, b in pairwise((0, *(reply.token_ends or ())))]
    return [
        {"token": t, "bytes": list(t.encode()), "logprob": max(p, -9999.0), "top_logprobs": []}
        for t, p in zip(pieces, reply.token_logprobs, strict=True)
    ]


def usage(tokens: int) -> dict[str, int]:
    """Tokens of a reply; those of prompts are not counted."""
    return {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}


def chunk(
    about: dict[str, Any],
    delta: dict[str, Any],
    finish: str | None = None,
    scores: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """One event of a stream."""
    choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish}
    choice["logprobs"] = {"content": scores, "refusal": None} if scores else None
    return {**about, "object": "chat.completion.chunk", "choices": [choice]}
