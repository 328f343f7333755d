"""What Prometheus is told: requests and their seconds by route and status, what waits, memory.

Seconds are the server's own, from the first byte of a request to the last of its answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radvlm.serve.failing import responses
from radvlm.serve.running import FIRST_BYTE
from radvlm.serve.service import Service

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)
_PLAIN = {"text/plain": {"schema": {"type": "string"}}}


class Counts:
    """The figures of a service."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        labels = "route", "status"
        self._requests = Counter(
            "radvlm_requests", "Requests by route and status", labels, registry=self.registry
        )
        self._seconds = Histogram(
            "radvlm_request_seconds",
            "From the first byte of a request to the last of its answer",
            labels,
            registry=self.registry,
            buckets=_SECONDS,
        )
        ProcessCollector(registry=self.registry)
        gauges: dict[tuple[str, str], Callable[[], float]] = {
            ("radvlm_busy", "Requests at the model or waiting"): lambda: service.engine.busy,
            ("radvlm_restarts", "Decoders that died or hung"): lambda: service.decoder.restarts,
            ("radvlm_image_bytes", "Memory of the uploads"): lambda: service.images.nbytes,
        }
        for (name, about), value in gauges.items():
            Gauge(name, about, registry=self.registry).set_function(value)

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(route, status).inc()
        self._seconds.labels(route, status).observe(seconds)

    def routes(self) -> APIRouter:
        """``/metrics``."""
        routes = APIRouter(tags=["Server"])
        described = {200: {"content": _PLAIN}, **responses()}

        @routes.get("/metrics", response_class=Response, responses=described)
        async def metrics() -> Response:
            """Figures for Prometheus."""
            written = generate_latest(self.registry)
            return Response(written, media_type="text/plain; version=0.0.4")

        return routes


class Counted:
    """ASGI middleware outside of all others, so that what is turned away is counted as well."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self.app, self.counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on and count."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = scope.get(FIRST_BYTE, time.perf_counter())
        status = 500

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, heard)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.counts.note(route, status, time.perf_counter() - began)
