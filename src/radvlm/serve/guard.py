"""What every request passes: host, origin, rate, token, length and pace of its body, headers.

What is inside at a time is bounded as well, in number and in bytes of bodies, so that a crowd is
turned away at once instead of being kept waiting.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_CROWD = 429, "too many requests wait; try again in a moment", "rate_limit_error"

Refusal = tuple[int, str] | tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """Whom to serve and how much.

    Attributes:
        hosts: names that requests may be made to; None for any.
        token: asked for on every route but ``/health`` and the files of the page.
        body_bytes, body_seconds: of one body.
        held_bytes: of all bodies at a time.
        at_once: requests with bodies that are worked on at a time.
        per_minute: requests of one address.
    """

    hosts: frozenset[str] | None = frozenset({"127.0.0.1", "localhost", "::1"})
    token: str | None = None
    body_bytes: int = 20 * 1000**2
    body_seconds: float = 30.0
    held_bytes: int = 512 * 1000**2
    at_once: int = 32
    per_minute: int = 1200


class Guard:
    """ASGI middleware around the whole app.

    Args:
        app: what is guarded.
        limits: whom to serve and how much.
        open_paths: files of the page, which hold no data and without which a browser could not
            ask for the token.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, open_paths: frozenset[str] = frozenset()
    ) -> None:
        self.app, self.limits, self._open = app, limits, open_paths
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._held = self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or turn away."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        if refused := self._refused(scope, headers) or self._crowded(headers):
            return await refusal(*refused)(scope, receive, dressed)
        body = bytearray()
        try:
            if refused := await self._filled(body, headers, receive):
                return await refusal(*refused)(scope, receive, dressed)
            await self._within(bytes(body), scope, receive, dressed)
        finally:
            self._held -= len(body)

    async def _within(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        if not body:
            return await self.app(scope, _again(body, receive), send)
        if self._inside >= self.limits.at_once:
            return await refusal(*_CROWD)(scope, receive, send)
        self._inside += 1
        try:
            await self.app(scope, _again(body, receive), send)
        finally:
            self._inside -= 1

    def _refused(self, scope: Scope, headers: Headers) -> Refusal | None:
        limits, host = self.limits, headers.get("host", "")
        if limits.hosts is not None and _host(host) not in limits.hosts:
            return 421, "this host name is not served here"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return 403, "other sites' pages are not served"
        if scope["path"] == "/health":
            return None
        if not self._allowed_rate((scope.get("client") or ("",))[0]):
            return 429, "too many requests; try again in a minute", "rate_limit_error"
        if scope["path"] in self._open and scope["method"] in {"GET", "HEAD"}:
            return None
        given = headers.get("authorization", "").removeprefix("Bearer ").strip().encode()
        if limits.token and not hmac.compare_digest(given, limits.token.encode()):
            return 401, "a token is needed: Authorization: Bearer …"
        return None

    def _crowded(self, headers: Headers) -> Refusal | None:
        """Whether a request with a body finds no room; told before the body is awaited."""
        sends = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        return _CROWD if sends and self._inside >= self.limits.at_once else None

    def _allowed_rate(self, client: str) -> bool:
        now = time.monotonic()
        began, count = self._seen.pop(client, (now, 0))
        began, count = (now, 0) if now - began > 60 else (began, count)
        self._seen[client] = (began, count + 1)
        while len(self._seen) > 10_000:
            self._seen.popitem(last=False)
        return count < self.limits.per_minute

    async def _filled(self, body: bytearray, headers: Headers, receive: Receive) -> Refusal | None:
        """Read a body into ``body``, whose length is counted among what is held."""
        too_long = 413, f"the body is longer than {self.limits.body_bytes // 1000**2} MB"
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self.limits.body_bytes:
            return too_long
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                more = True
                while more:
                    message = await receive()
                    piece = message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) + len(piece) > self.limits.body_bytes:
                        return too_long
                    if self._held + len(piece) > self.limits.held_bytes:
                        return _CROWD
                    body += piece
                    self._held += len(piece)
        except TimeoutError:
            return 408, "the body came too slowly"
        return None


def refusal(status: int, message: str, kind: str = "invalid_request_error") -> JSONResponse:
    """An error in OpenAI's shape.

    The rest of a body that is not wanted is read and let go by the connection, which ends in
    seconds; closed at once, the sender would never see the answer. Too slow a one is closed.
    """
    close = {"Connection": "close"} if status == 408 else {}
    later = {"Retry-After": "1"} if status in {429, 503} else {}
    body = {"error": {"message": message, "type": kind, "code": status}}
    return JSONResponse(body, status, {**close, **later})


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _host(header: str) -> str:
    if header.startswith("["):
        return header[1:].split("]")[0]
    return header.rsplit(":", 1)[0].lower()
