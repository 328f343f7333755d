"""One request to one endpoint through the ``openai`` library, its errors sorted by what helps.

The library's own retries are off: the gate and the budget have to know of every request. Redirects
are not followed, nor is a proxy used on the way to a local host: both lead where ``io.egress`` has
not looked.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import accumulate
from typing import Any, get_args

from pydantic import BaseModel

from radvlm.errors import RecipeError, RegistryError
from radvlm.io import egress
from radvlm.llm.calls import Request, prompt_tokens, text_tokens
from radvlm.llm.recipe import EndpointSection, LlmSection, ResponseFormat
from radvlm.llm.shapes import spelled_out

FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)
"""From the strictest to the loosest; an endpoint that rejects one is tried with the next."""

_FOR_GOOD = (401, 402, 404, 405)
_NO_QUOTA = "insufficient_quota"
"""Of OpenAI: a 429 that no waiting helps."""

_NO_PROXY = dict.fromkeys(("http://", "https://", "all://"))

_NO_KEY = "none"
"""What is sent to servers that want no key; the library insists on one."""


class Busy(Exception):
    """The endpoint has too much to do, failed, or did not answer in time; ``rest`` in seconds."""

    def __init__(self, rest: float = 0.0) -> None:
        super().__init__()
        self.rest = rest


class Down(Exception):
    """Nothing answers there."""


class Rejected(Exception):
    """The endpoint will never take this request, such as one that is too long."""


class Denied(Exception):
    """The endpoint will never take any request: key, model, path or quota are wrong."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an endpoint answered."""

    text: str
    finish: str
    tokens_input: int
    tokens_output: int
    refused: bool
    logprobs: tuple[float, ...] | None
    token_ends: tuple[int, ...] | None


class Endpoint:
    """One endpoint; how it can be held to a schema is found out by its refusals."""

    def __init__(self, section: EndpointSection, whole: LlmSection, client: Any) -> None:
        self.section, self._whole, self._client = section, whole, client
        self.form = FORMATS.index(section.response_format)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def send(self, request: Request, form: int) -> Said:
        """One answer, held to the schema by ``FORMATS[form]``, or one of the errors above."""
        import openai

        parameters = self._parameters(request, FORMATS[form])
        try:
            # The library bounds the wait for each piece; a server that drips needs one for all.
            async with asyncio.timeout(self._whole.timeout_s):
                reply = await self._client.chat.completions.create(**parameters)
        except (openai.APITimeoutError, TimeoutError):
            raise Busy from None
        except openai.APIConnectionError:
            raise Down from None
        except openai.APIStatusError as error:
            raise _sorted(error.status_code, error.code, error.response.headers) from None
        except (openai.APIError, json.JSONDecodeError, UnicodeDecodeError):
            # A reply that is no JSON at all, as from a proxy that has lost its server.
            raise Busy from None
        # Only what was answered tells about the endpoint: a prompt may be too long in any form.
        if request.schema is not None:
            self.form = max(self.form, form)
        return _said(reply, request)

    def _parameters(self, request: Request, format: ResponseFormat) -> dict[str, Any]:
        whole = self._whole
        parameters: dict[str, Any] = {
            "model": self.section.model or whole.model,
            "messages": list(request.messages),
            "temperature": whole.temperature,
            self.section.limit_name: request.max_tokens or whole.max_tokens,
        }
        if whole.seed is not None:
            parameters["seed"] = whole.seed
        if request.logprobs:
            parameters["logprobs"] = True
        if request.extra:
            parameters["extra_body"] = dict(request.extra)
        if request.schema is None:
            return parameters
        if format == "json_schema":
            formed = {"type": format, format: _closed(request.schema)}
            # The library rewrites all parameters but these, at a fifth of the cost of a call.
            parameters["extra_body"] = {"response_format": formed}
            return parameters
        parameters["messages"] = list(spelled_out(request))
        if format == "json_object":
            parameters["response_format"] = {"type": format}
        return parameters


def open_endpoint(section: EndpointSection, whole: LlmSection) -> Endpoint:
    """The endpoint with its key from the environment.

    Raises:
        RecipeError: ``key_env`` names a variable that is empty.
        RegistryError: the ``openai`` package is not installed.
    """
    try:
        import openai
    except ImportError as error:
        remedy = "pip install 'radvlm[llm]'"
        raise RegistryError("text endpoints need the openai package", remedy=remedy) from error
    key = os.environ.get(section.key_env, "") if section.key_env else _NO_KEY
    if not key:
        raise RecipeError(f"the environment variable {section.key_env} is empty", section.url)
    near = egress.is_local(section.url, whole.local_hosts)
    client = openai.AsyncOpenAI(
        base_url=section.url,
        api_key=key,
        timeout=whole.timeout_s,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(
            follow_redirects=False, mounts=_NO_PROXY if near else None
        ),
    )
    return Endpoint(section, whole, client)


@cache
def _closed(schema: type[BaseModel]) -> dict[str, Any]:
    """A schema as vendors' strict decoding wants it: every key required and no other allowed."""
    from openai import pydantic_function_tool

    strict = pydantic_function_tool(schema)["function"]["parameters"]
    return {"name": schema.__name__, "schema": strict, "strict": True}


def _sorted(status: int, code: str | None, headers: Mapping[str, str]) -> Exception:
    """What an HTTP status means for the request and for the endpoint."""
    if status < 400 or status in _FOR_GOOD or code == _NO_QUOTA:
        return Denied()
    if status in (408, 409, 429) or status >= 500:
        return Busy(_rest(headers.get("retry-after")))
    return Rejected()


def _said(reply: Any, request: Request) -> Said:
    """The answer in a reply, of which nothing is taken for granted.

    A reply without any message, as overloaded proxies send, is worth another try.
    """
    choice = next(iter(getattr(reply, "choices", None) or ()), None)
    message = getattr(choice, "message", None)
    if message is None:
        raise Busy
    content, finish = getattr(message, "content", None), getattr(choice, "finish_reason", None)
    text = content if isinstance(content, str) else ""
    usage, logprobs = getattr(reply, "usage", None), getattr(choice, "logprobs", None)
    steps = getattr(logprobs, "content", None)
    return Said(
        text,
        finish or "stop",
        getattr(usage, "prompt_tokens", None) or prompt_tokens(request.messages),
        getattr(usage, "completion_tokens", None) or text_tokens(text),
        bool(getattr(message, "refusal", None)) or finish == "content_filter",
        tuple(step.logprob for step in steps) if steps else None,
        tuple(accumulate(len(step.token) for step in steps)) if steps else None,
    )


def _rest(header: str | None) -> float:
    """Seconds of a Retry-After header, which holds a number or a date (RFC 9110 10.2.3)."""
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        return _until(header or "")


def _until(date: str) -> float:
    """Seconds from now to a date of HTTP; none where it cannot be read."""
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
