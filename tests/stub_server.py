"""An OpenAI-compatible server for tests: latency and faults as asked for, every request counted.

    with StubServer(latency=0.01, faults={"busy": 0.2}) as server:
        section = server.section(concurrency=32)

Faults are drawn for each request by the server's seed. ``reply`` makes the text of an answer from
the request's JSON. It runs on an event loop of its own in a thread.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

from radvlm.llm.recipe import EndpointSection, LlmSection

Fault = Literal["busy", "broken", "hang", "malformed", "refusal", "rejection"]
"""429 with Retry-After, 503, no answer at all, text that is no JSON, a refusal, 400."""

HANG = 30.0


class StubServer:
    """A server on loopback; use as a context."""

    def __init__(
        self,
        reply: Callable[[dict[str, Any]], str] = lambda request: "ok",
        latency: float = 0.0,
        faults: Mapping[Fault, float] | None = None,
        formats: tuple[str, ...] = ("json_schema", "json_object"),
        rest: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.reply, self.latency, self.formats, self.rest = reply, latency, formats, rest
        self.faults = dict(faults or {})
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.given: Counter[str] = Counter()
        self.most_at_once = self._now = 0
        self._rng = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def section(self, **changes: Any) -> LlmSection:
        """An ``llm`` section that points here; endpoint settings go to the endpoint."""
        own_names = EndpointSection.model_fields.keys() - {"model"}
        own = {k: changes.pop(k) for k in list(changes) if k in own_names}
        endpoint = EndpointSection(url=f"http://127.0.0.1:{self.port}/v1", **own)
        return LlmSection(**{"model": "stub", "endpoints": (endpoint,), **changes})

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(started, self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(
                    line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:-2]
                )
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                self.keys.append(fields.get("authorization", ""))
                self._now += 1
                self.most_at_once = max(self.most_at_once, self._now)
                request = json.loads(body)
                try:
                    status, said, extra = await self._answer(request)
                finally:
                    self._now -= 1
                if request.get("stream") and status == 200:
                    writer.write(_events(said))
                else:
                    writer.write(_http(status, said, extra))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
        self.requests.append(request)
        await asyncio.sleep(self.latency)
        wanted = request.get("response_format", {}).get("type")
        if wanted and wanted not in self.formats:
            return 400, {"error": {"message": "response_format is not supported"}}, ""
        draw = self._rng.random()
        for fault, share in self.faults.items():
            if draw < share:
                self.given[fault] += 1
                return await self._fault(fault)
            draw -= share
        self.given["answered"] += 1
        return 200, _completion(self.reply(request)), ""

    async def _fault(self, fault: Fault) -> tuple[int, dict[str, Any], str]:
        if fault == "busy":
            return 429, {"error": {"message": "busy"}}, f"retry-after: {self.rest}\r\n"
        if fault == "broken":
            return 503, {"error": {"message": "broken"}}, ""
        if fault == "rejection":
            return 400, {"error": {"message": "too long"}}, ""
        if fault == "hang":
            await asyncio.sleep(HANG)
        if fault == "refusal":
            return 200, _completion("", finish="content_filter"), ""
        return 200, _completion('{"half": '), ""


def _completion(text: str, finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish,
                "logprobs": {
                    "content": [{"token": "t", "logprob": -0.5, "bytes": None, "top_logprobs": []}]
                },
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def _events(said: dict[str, Any]) -> bytes:
    """A completion as server-sent events, a word each."""
    words = re.findall(r"\s*\S+", said["choices"][0]["message"]["content"])
    events = [
        {**said, "object": "chat.completion.chunk",
         "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
        for word in words
    ]  # fmt: skip
    body = "".join(f"data: {text}\n\n" for text in [*map(json.dumps, events), "[DONE]"]).encode()
    head = f"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def _http(status: int, said: dict[str, Any], extra: str) -> bytes:
    body = json.dumps(said).encode()
    head = (
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{extra}\r\n"
    )
    return head.encode() + body
