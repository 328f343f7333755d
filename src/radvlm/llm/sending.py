"""One request to one endpoint through the ``openai`` library, its errors sorted by what helps.

The library's own retries are off: the gate and the budget have to know of every request.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, get_args

from radvlm.errors import RecipeError, RegistryError
from radvlm.llm.calls import Request
from radvlm.llm.recipe import EndpointSection, LlmSection, ResponseFormat
from radvlm.llm.shapes import spelled_out

_FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)

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


@dataclass(frozen=True, slots=True)
class Said:
    """What an endpoint answered."""

    text: str
    finish: str
    tokens_input: int
    tokens_output: int
    refused: bool
    logprobs: tuple[float, ...] | None


class Endpoint:
    """One endpoint; how it can be held to a schema is found out by its refusals."""

    def __init__(self, section: EndpointSection, whole: LlmSection, client: Any) -> None:
        self.section, self._whole, self._client = section, whole, client
        self._format = section.response_format

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def send(self, request: Request) -> Said:
        """One answer, or one of the three errors above."""
        if request.schema is None:
            return await self._sent(request, "text")
        for format in _FORMATS[_FORMATS.index(self._format) :]:
            try:
                said = await self._sent(request, format)
            except Rejected:
                continue
            # Only what was answered tells about the endpoint: a prompt may be too long in any form.
            self._format = format
            return said
        raise Rejected

    async def _sent(self, request: Request, format: ResponseFormat) -> Said:
        import openai

        try:
            reply = await self._client.chat.completions.create(**self._parameters(request, format))
        except openai.APITimeoutError:
            raise Busy from None
        except openai.APIConnectionError:
            raise Down from None
        except openai.APIStatusError as error:
            if error.status_code in (408, 409, 429) or error.status_code >= 500:
                raise Busy(_rest(error.response.headers.get("retry-after"))) from None
            raise Rejected from None
        except openai.APIError:
            raise Busy from None
        return _said(reply)

    def _parameters(self, request: Request, format: ResponseFormat) -> dict[str, Any]:
        whole = self._whole
        parameters: dict[str, Any] = {
            "model": self.section.model or whole.model,
            "messages": list(request.messages),
            "temperature": whole.temperature,
            "max_tokens": request.max_tokens or whole.max_tokens,
            "seed": whole.seed,
        }
        if request.logprobs:
            parameters["logprobs"] = True
        if request.schema is None:
            return parameters
        if format == "json_schema":
            described = {
                "name": request.schema.__name__,
                "schema": request.schema.model_json_schema(),
                "strict": True,
            }
            parameters["response_format"] = {"type": format, format: described}
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
    client = openai.AsyncOpenAI(
        base_url=section.url, api_key=key, timeout=whole.timeout_s, max_retries=0
    )
    return Endpoint(section, whole, client)


def _said(reply: Any) -> Said:
    """An answer without any choice, as overloaded proxies send, is worth another try."""
    if not getattr(reply, "choices", None):
        raise Busy
    choice, usage = reply.choices[0], reply.usage
    text = choice.message.content or ""
    refused = bool(getattr(choice.message, "refusal", None))
    refused |= choice.finish_reason == "content_filter"
    steps = choice.logprobs.content if choice.logprobs else None
    return Said(
        text,
        choice.finish_reason or "stop",
        usage.prompt_tokens if usage else 0,
        usage.completion_tokens if usage else 0,
        refused,
        tuple(step.logprob for step in steps) if steps else None,
    )


def _rest(header: str | None) -> float:
    """Seconds of a Retry-After header; a date there is not worth reading."""
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        return 0.0
