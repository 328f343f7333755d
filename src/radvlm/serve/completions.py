"""``/v1/chat/completions`` and ``/v1/models``, as OpenAI's client expects them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from radvlm.errors import IncompleteError
from radvlm.protocols import Chat, Decoding
from radvlm.records import Reply
from radvlm.serve.answers import Completion, ModelCard, ModelList
from radvlm.serve.failing import responses
from radvlm.serve.service import Service
from radvlm.serve.wire import ChatRequest, chunk, listed, plain, usage

_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}


class Writer:
    """Replies in OpenAI's form.

    Args:
        service: what the routes share.
        chat: the conversation.
        decoding: how to write the reply.
    """

    def __init__(self, service: Service, chat: Chat, decoding: Decoding) -> None:
        self.service, self.chat, self.decoding = service, chat, decoding
        self.about = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": service.engine.model.info.name,
        }

    async def reply(self) -> Reply:
        """The whole reply; a question beyond the tasks is answered without the model.

        Raises:
            IncompleteError: a served model behind did not answer.
        """
        held = self.decoding.constraint is not None
        said = None if held else self.service.beyond(self.chat)
        return said or await self._answered()

    async def _answered(self) -> Reply:
        reply = await self.service.engine.answer(self.chat, self.decoding)
        if reply.finish == "error":
            raise IncompleteError("the model behind gave no answer")
        return reply

    def told(self, text: str) -> dict[str, Any]:
        """The extension ``radvlm`` of a message."""
        model = self.service.engine.model
        height, width = self.chat.images[-1].shape  # type: ignore[union-attr]  # pixels here
        parts, _ = model.codec.parse(text.strip(), (width, height))
        return {"parts": plain(parts), "scope": model.info.scope}

    async def completion(self) -> dict[str, Any]:
        """OpenAI's answer."""
        reply = await self.reply()
        said = {"role": "assistant", "content": reply.text, "radvlm": self.told(reply.text)}
        scores = listed(reply)
        choice = {
            "index": 0,
            "message": said,
            "finish_reason": reply.finish,
            "logprobs": {"content": scores, "refusal": None} if scores else None,
        }
        choices = {"object": "chat.completion", "choices": [choice]}
        return {**self.about, **choices, "usage": usage(reply.tokens)}

    async def events(self, count: bool) -> AsyncIterator[str]:
        """The server-sent events of a streamed reply; with ``count``, tokens at its end."""
        try:
            async for event in self._events(count):
                yield f"data: {json.dumps(event)}\n\n"
        except Exception:  # the status is sent already: the stream itself has to say it
            failed = {"message": "the model failed", "type": "server_error", "code": 500}
            yield f"data: {json.dumps({'error': failed})}\n\n"
            return
        yield "data: [DONE]\n\n"

    async def _events(self, count: bool) -> AsyncIterator[dict[str, Any]]:
        yield chunk(self.about, {"role": "assistant", "content": ""})
        held = self.decoding.constraint is not None
        said = None if held else self.service.beyond(self.chat)
        text, tokens = "", 0
        if said or self.decoding.logprobs:
            # A stream of the model's carries no probabilities, so the reply is cut up afterwards.
            reply = said or await self._answered()
            text, tokens = reply.text, reply.tokens
            for piece, scores in _pieces(reply):
                yield chunk(self.about, {"content": piece}, None, scores)
        else:
            async for piece in self.service.engine.stream(self.chat, self.decoding):
                text, tokens = text + piece, tokens + 1
                yield chunk(self.about, {"content": piece})
        yield chunk(self.about, {"radvlm": self.told(text)}, "stop")
        if count:
            yield {**chunk(self.about, {}), "choices": [], "usage": usage(tokens)}


def _pieces(reply: Reply) -> list[tuple[str, list[dict[str, Any]] | None]]:
    scores = listed(reply)
    if scores is None:
        return [(reply.text, None)]
    return [(one["token"], [one]) for one in scores]


def completions(service: Service) -> APIRouter:
    """The routes of OpenAI's client."""
    routes = APIRouter(tags=["OpenAI"])

    @routes.post(
        "/v1/chat/completions",
        response_model=None,
        responses={200: {"model": Completion, "content": _STREAM}, **responses(400, 422, 429)},
    )
    async def create(asked: ChatRequest) -> Response:
        """A reply to a conversation about one image, whole or as server-sent events.

        Boxes in a question are written `[x1, y1, x2, y2]`, fractions of the image; those of the
        reply stand beside its text in `radvlm.parts`.
        """
        decoding = asked.decoding()
        service.engine.check_room()
        writer = Writer(service, await service.chat(asked), decoding)
        if not asked.stream:
            return JSONResponse(await writer.completion())
        service.engine.check_room()
        count = asked.stream_options is not None and asked.stream_options.include_usage
        return StreamingResponse(writer.events(count), media_type="text/event-stream")

    def card() -> ModelCard:
        info = service.engine.model.info
        return ModelCard(
            id=info.name,
            scope=info.scope,
            revision=info.revision,
            tasks=list(info.tasks),
            max_images=info.max_images,
        )

    @routes.get("/v1/models")
    async def models() -> ModelList:
        """The one model that is served, with its scope."""
        return ModelList(data=[card()])

    @routes.get("/v1/models/{name:path}", responses=responses(404))
    async def model(name: Annotated[str, Path()]) -> ModelCard:
        """The model of that name."""
        if name != service.engine.model.info.name:
            raise HTTPException(404)
        return card()

    return routes
