"""The app on uvicorn, which by itself would wait for headers for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 30.0


class Patient(H11Protocol):
    """A connection whose request line and headers have to arrive in time."""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._late: asyncio.TimerHandle | None = None
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when the headers are complete; begin when a further request starts."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._late is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def server(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    """A uvicorn server; nothing about requests is logged."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Patient,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=5,
        limit_concurrency=512,
        proxy_headers=False,
    )
    return uvicorn.Server(config)
