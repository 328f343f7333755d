"""OpenAI's request → a chat, and a reply → OpenAI's response."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from radvlm.constraints import findings_json
from radvlm.errors import InputError, RecordError
from radvlm.protocols import Constraint, Decoding
from radvlm.records import Box, Part
from radvlm.vocabulary import CHEXPERT_13

FINDINGS = "radvlm_findings"
_BOX = re.compile(r"\[\s*" + r"\s*,\s*".join([r"([01](?:\.\d{1,6})?)"] * 4) + r"\s*\]")


class ImageUrl(BaseModel):
    """``data:image/…;base64,…`` or ``radvlm://image/<id>``."""

    url: str


class TextPart(BaseModel):
    """Text of a message."""

    type: Literal["text"]
    text: Annotated[str, Field(max_length=20_000)]


class ImagePart(BaseModel):
    """An image of a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


class Message(BaseModel):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[str, Field(max_length=20_000)] | list[TextPart | ImagePart]


class ChatRequest(BaseModel):
    """The part of OpenAI's chat completion request that is served."""

    model: str = ""
    messages: Annotated[list[Message], Field(min_length=1, max_length=64)]
    stream: bool = False
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_tokens: Annotated[int, Field(ge=1, le=1024)] = 256
    seed: int = 0
    logprobs: bool = False
    response_format: dict[str, Any] | None = None

    def decoding(self) -> Decoding:
        """How to write the reply."""
        return Decoding(self.max_tokens, self.temperature, 1, self.seed, self.logprobs)


def constraint_of(format: dict[str, Any] | None) -> Constraint | None:
    """The form that ``response_format`` holds a reply to; none for plain text.

    One schema is served, ``radvlm_findings``: a list of findings with status and boxes.

    Raises:
        InputError: another form is asked for.
    """
    if format is None or format.get("type") == "text":
        return None
    named = format.get("json_schema") if format.get("type") == "json_schema" else None
    if isinstance(named, dict) and named.get("name") == FINDINGS:
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


def chunk(
    about: dict[str, Any], delta: dict[str, Any], finish: str | None = None
) -> dict[str, Any]:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**about, "object": "chat.completion.chunk", "choices": [choice]}
