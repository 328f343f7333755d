"""Answers that have to fit a schema: found in the text, checked strictly, sent back once."""

from __future__ import annotations

import re
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from radvlm.llm.calls import Message, Request, schema_of

M = TypeVar("M", bound=BaseModel)

_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)
_MOST_ERRORS = 8


def read(text: str, schema: type[M] | None) -> tuple[M | None, str]:
    """What a text says in the form of the schema, or what is wrong with it.

    A fence around the JSON is taken off, and words before and after it; nothing in it is mended.
    What is wrong names places and rules, never values.
    """
    if schema is None:
        return None, "" if text else "the answer is empty"
    fenced = _FENCE.match(text)
    body = fenced[1] if fenced else text
    start, end = body.find("{"), body.rfind("}")
    if start < 0 or end < start:
        return None, "there is no JSON object in the answer"
    try:
        return schema.model_validate_json(body[start : end + 1], strict=True), ""
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        said = [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in found[:_MOST_ERRORS]]
        return None, "; ".join(said)


def mended(request: Request, answer: str, wrong: str) -> Request:
    """The request with the answer it got and what was wrong with it, asked for once more."""
    again: tuple[Message, ...] = (
        {"role": "assistant", "content": answer},
        {
            "role": "user",
            "content": f"This does not fit the schema ({wrong}). Give the JSON object alone.",
        },
    )
    return Request(
        (*request.messages, *again),
        request.schema,
        request.max_tokens,
        request.logprobs,
        request.extra,
    )


def spelled_out(request: Request) -> tuple[Message, ...]:
    """The messages with the schema in words, for endpoints that cannot decode by it."""
    if request.schema is None:
        return request.messages
    schema = orjson.dumps(schema_of(request.schema)).decode()
    words = f"Answer with one JSON object that fits this schema: {schema}"
    return ({"role": "system", "content": words}, *request.messages)
