"""The API: OpenAI-compatible chat, readings, images, examples, health; and the page's folder."""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from starlette.exceptions import HTTPException

from radvlm.errors import ImageError, InputError, RadvlmError
from radvlm.models.domain import Domain
from radvlm.protocols import Chat, Decoding, Model, Pixels
from radvlm.reading import schema
from radvlm.records import Reply, Turn
from radvlm.serve.decoding import Decoded, Decoder
from radvlm.serve.engine import Engine, Overloaded
from radvlm.serve.guard import Guard, Limits, refusal
from radvlm.serve.images import EXAMPLES, Images, as_png
from radvlm.serve.paper import report_pdf
from radvlm.serve.scope import beyond
from radvlm.serve.wire import ChatRequest, ImagePart, chunk, constraint_of, plain, to_parts

STATIC = Path(__file__).parent / "static"
_OWN = "radvlm://image/"


class Service:
    """What the routes share."""

    def __init__(self, model: Model, domain: Domain | None) -> None:
        self.engine, self.images, self.decoder = Engine(model, domain), Images(), Decoder()
        self.registry = CollectorRegistry()
        self.answered = Counter(
            "radvlm_requests",
            "Requests by route and status",
            ["route", "status"],
            registry=self.registry,
        )
        Gauge("radvlm_busy", "Requests waiting or running", registry=self.registry).set_function(
            lambda: self.engine.busy
        )

    async def decoded(self, data: bytes) -> Decoded:
        """The image of a file's bytes; ``Overloaded`` where too many uploads wait."""
        if self.decoder.full:
            raise Overloaded("too many uploads wait", remedy="Try again in a moment")
        return await self.decoder.decode(data)

    async def pixels(self, url: str) -> Pixels:
        """The image of a data URI or of ``radvlm://image/<id>``; nothing is ever fetched."""
        if url.startswith(_OWN):
            return self.images.get(url.removeprefix(_OWN))
        head, _, coded = url.partition(",")
        if not (head.startswith("data:") and head.endswith(";base64")):
            raise ImageError("images are given as data URIs or radvlm://image/<id>")
        try:
            data = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ImageError("the data URI is not base64") from error
        return (await self.decoded(data)).pixels

    async def chat(self, asked: ChatRequest) -> Chat:
        """The chat of a request; system messages belong to the checkpoint and are refused."""
        images: list[Pixels] = []
        turns: list[Turn] = []
        for message in asked.messages:
            if message.role == "system":
                raise InputError("the system turn belongs to the checkpoint and cannot be set")
            content = message.content
            text = content if isinstance(content, str) else ""
            for part in [] if isinstance(content, str) else content:
                if isinstance(part, ImagePart):
                    images.append(await self.pixels(part.image_url.url))
                else:
                    text += part.text
            turns.append(Turn(message.role, to_parts(text)))
        if not images or len(images) > max(1, self.engine.model.info.max_images):
            raise InputError("a chat is about at least one image, and no more than the model takes")
        return Chat(tuple(images), tuple(turns))

    def beyond(self, chat: Chat) -> Reply | None:
        """What is said in the model's place to a question that is none of its tasks'."""
        asked = "".join(p for p in chat.turns[-1].parts if isinstance(p, str))
        boxed = any(not isinstance(p, str) for p in chat.turns[-1].parts)
        said = beyond(asked, len(chat.turns) > 1 or boxed, self.engine.model.info.tasks)
        return Reply(said, 0, "stop", 0.0) if said else None

    def told(self, text: str, chat: Chat) -> dict[str, Any]:
        """The extension ``radvlm`` of a message."""
        height, width = chat.images[-1].shape  # type: ignore[union-attr]  # always pixels here
        parts, _ = self.engine.model.codec.parse(text.strip(), (width, height))
        return {"parts": plain(parts), "scope": self.engine.model.info.scope}

    def completion(self, about: dict[str, Any], chat: Chat, reply: Reply) -> dict[str, Any]:
        """OpenAI's answer."""
        said = {"role": "assistant", "content": reply.text, "radvlm": self.told(reply.text, chat)}
        scores = reply.token_logprobs
        ends = (0, *(reply.token_ends or ()))
        listed: Any = scores and [
            {"token": reply.text[a:b], "bytes": None, "logprob": p, "top_logprobs": []}
            for p, (a, b) in zip(scores, pairwise(ends), strict=True)
        ]
        choice = {
            "index": 0,
            "message": said,
            "finish_reason": reply.finish,
            "logprobs": {"content": listed, "refusal": None} if listed else None,
        }
        usage = {
            "prompt_tokens": 0,
            "completion_tokens": reply.tokens,
            "total_tokens": reply.tokens,
        }
        return {**about, "object": "chat.completion", "choices": [choice], "usage": usage}

    async def events(
        self, about: dict[str, Any], chat: Chat, decoding: Decoding
    ) -> AsyncIterator[str]:
        """The server-sent events of a streamed reply."""
        text = ""
        yield _event(chunk(about, {"role": "assistant", "content": ""}))
        said = None if decoding.constraint else self.beyond(chat)
        pieces = _whole(said.text) if said else self.engine.stream(chat, decoding)
        try:
            async for piece in pieces:
                text += piece
                yield _event(chunk(about, {"content": piece}))
        except Exception:  # the status is sent already: the stream itself has to say it
            failed = {"message": "the model failed", "type": "server_error", "code": 500}
            yield _event({"error": failed})
            return
        yield _event(chunk(about, {"radvlm": self.told(text, chat)}, "stop"))
        yield "data: [DONE]\n\n"


def create_app(model: Model, limits: Limits | None = None, domain: Domain | None = None) -> FastAPI:
    """The app around a model; ``domain`` says which images it reads."""
    app = FastAPI(title="radvlm", docs_url=None, redoc_url=None)
    service = Service(model, domain)
    app.state.service = service
    _errors(app)
    _chat(app, service)
    _images(app, service)
    _about(app, service)

    @app.middleware("http")
    async def counted(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        route = getattr(request.scope.get("route"), "path", "other")
        service.answered.labels(route, response.status_code).inc()
        return response

    app.add_middleware(Guard, limits=limits or Limits())
    if STATIC.is_dir():
        app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def _chat(app: FastAPI, service: Service) -> None:
    @app.post("/v1/chat/completions")
    async def completions(asked: ChatRequest) -> Response:
        held = constraint_of(asked.response_format)
        service.engine.check_room()
        chat = await service.chat(asked)
        info = service.engine.model.info
        decoding = replace(asked.decoding(), constraint=held)
        about = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": info.name,
        }
        if asked.stream:
            service.engine.check_room()
            events = service.events(about, chat, decoding)
            return StreamingResponse(events, media_type="text/event-stream")
        said = None if held else service.beyond(chat)
        reply = said or await service.engine.answer(chat, decoding)
        return JSONResponse(service.completion(about, chat, reply))

    @app.post("/v1/read")
    async def read(request: Request) -> Response:
        service.engine.check_room()
        if request.headers.get("content-type", "").startswith("multipart/"):
            file = (await request.form()).get("file")
            if file is None or isinstance(file, str):
                raise InputError("the form has no file")
            pixels, force = (await service.decoded(await file.read())).pixels, False
        else:
            given = _object(await request.body())
            if given.get("prior") is not None:
                raise InputError("prior images are not served yet")
            pixels, force = (
                await service.pixels(str(given.get("image"))),
                given.get("force") is True,
            )
        reading = await service.engine.run(lambda: service.engine.reader.read(pixels, force=force))
        return JSONResponse(reading.to_json())

    @app.post("/v1/report.pdf")
    async def pdf(request: Request) -> Response:
        given = _object(await request.body())
        text, reading = given.get("text"), given.get("reading")
        if not isinstance(text, str) or not (reading is None or isinstance(reading, dict)):
            raise InputError("a report needs text, and the reading it came from or null")
        written = report_pdf(text, service.engine.model.info.scope, reading)
        return Response(written, media_type="application/pdf")

    @app.get("/v1/read/schema")
    async def read_schema() -> Response:
        return JSONResponse(schema())


def _images(app: FastAPI, service: Service) -> None:
    @app.post("/v1/images")
    async def upload(file: UploadFile) -> dict[str, Any]:
        done = await service.decoded(await file.read())
        height, width = done.pixels.shape
        name = service.images.put(done.pixels)
        about = {"id": name, "width": width, "height": height}
        return {**about, "window": None, "projection": done.projection}

    @app.get("/v1/images/{name}.png")
    async def png(name: str) -> Response:
        return Response(as_png(service.images.get(name)), media_type="image/png")

    @app.get("/v1/examples")
    async def examples() -> list[dict[str, str]]:
        return [{"id": name, "title": title} for name, (title, _, _) in EXAMPLES.items()]


def _about(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        info = service.engine.model.info
        one = {"id": info.name, "object": "model", "created": 0, "owned_by": "radvlm"}
        return {"object": "list", "data": [{**one, "scope": info.scope, "revision": info.revision}]}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(service.registry), media_type="text/plain; version=0.0.4")


def _errors(app: FastAPI) -> None:
    @app.exception_handler(RadvlmError)
    async def known(request: Request, error: RadvlmError) -> Response:
        if isinstance(error, Overloaded):
            return refusal(429, error.what, "rate_limit_error")
        if isinstance(error, ImageError):
            return refusal(422, error.what)
        if isinstance(error, InputError):
            return refusal(400, error.what)
        return refusal(500, "the model failed", "server_error")

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        place = ".".join(str(step) for step in error.errors()[0]["loc"][:4])
        return refusal(400, f"the request is malformed at {place}"[:200])

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        return refusal(
            error.status_code, "there is nothing here" if error.status_code == 404 else "not served"
        )

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> Response:
        return refusal(500, "the server failed", "server_error")


async def _whole(text: str) -> AsyncIterator[str]:
    yield text


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except ValueError as error:
        raise InputError("the body is not JSON") from error
    if not isinstance(given, dict):
        raise InputError("the body is not a JSON object")
    return given


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
