"""What every request passes: host, token, rate, length and pace of its body, response headers."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Whom to serve and how much: hosts (None: any), token, body bytes, seconds, requests."""

    hosts: frozenset[str] | None = frozenset({"127.0.0.1", "localhost", "::1"})
    token: str | None = None
    body_bytes: int = 20 * 1000**2
    body_seconds: float = 30.0
    per_minute: int = 1200


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or turn away."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        if refused := self._refused(scope, headers):
            return await refusal(*refused)(scope, receive, dressed)
        body = await self._body(headers, receive)
        if isinstance(body, tuple):
            return await refusal(*body)(scope, receive, dressed)
        await self.app(scope, _again(body, receive), dressed)

    def _refused(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        limits = self.limits
        if limits.hosts is not None and _host(headers.get("host", "")) not in limits.hosts:
            return 421, "this host name is not served here"
        if scope["path"] == "/health":
            return None
        if not self._allowed_rate((scope.get("client") or ("",))[0]):
            return 429, "too many requests; try again in a minute"
        given = headers.get("authorization", "").removeprefix("Bearer ").strip().encode()
        if limits.token and not hmac.compare_digest(given, limits.token.encode()):
            return 401, "a token is needed: Authorization: Bearer …"
        return None

    def _allowed_rate(self, client: str) -> bool:
        now = time.monotonic()
        began, count = self._seen.pop(client, (now, 0))
        began, count = (now, 0) if now - began > 60 else (began, count)
        self._seen[client] = (began, count + 1)
        while len(self._seen) > 10_000:
            self._seen.popitem(last=False)
        return count < self.limits.per_minute

    async def _body(self, headers: Headers, receive: Receive) -> bytes | tuple[int, str]:
        too_long = (413, f"the body is longer than {self.limits.body_bytes // 1000**2} MB")
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self.limits.body_bytes:
            return too_long
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                more = True
                while more:
                    message = await receive()
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self.limits.body_bytes:
                        return too_long
        except TimeoutError:
            return 408, "the body came too slowly"
        return bytes(body)


def refusal(status: int, message: str, kind: str = "invalid_request_error") -> JSONResponse:
    """An error in OpenAI's shape; the connection is closed where a body was left unread."""
    close = {"Connection": "close"} if status in {401, 408, 413, 421} else {}
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
