"""The app on uvicorn, which by itself would wait for headers, and for readers, for ever."""

from __future__ import annotations

import asyncio
import ctypes
import time
from typing import Any, cast

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 30.0
"""Seconds for a request's headers, and for a client to take what it is sent."""

FIRST_BYTE = "radvlm.first_byte"
"""Where a scope holds when its request began to arrive (``time.perf_counter``)."""

_PROXIES = ["127.0.0.1", "::1"]

_M_MMAP_THRESHOLD, _M_ARENA_MAX, _LARGE_BLOCK = -3, -8, 512 * 1024
"""As in malloc.h; bytes."""


class Patient(H11Protocol):
    """A connection whose headers have to arrive, and whose answers to be taken, in time."""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._late: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._began: float | None = None
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when the headers are complete; begin when a further request starts."""
        before, self._began = self.cycle, self._began or time.perf_counter()
        super().data_received(data)
        if self.cycle is not before:
            cast(dict[str, Any], self.cycle.scope)[FIRST_BYTE] = self._began
        if self.conn.their_state is not h11.IDLE or not self.conn.trailing_data[0]:
            self._began = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._late is None:
            self._wait()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._stuck = self.loop.call_later(PATIENCE, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._unstick()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        self._unstick()
        super().connection_lost(exc)

    def _wait(self) -> None:
        # A plain close would still wait for a client that does not take the last answer.
        self._late = self.loop.call_later(PATIENCE, self.transport.abort)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _unstick(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None


def server(app: FastAPI, port: int = 0, proxied: bool = False) -> uvicorn.Server:
    """A uvicorn server on 127.0.0.1, or on the sockets it is run with.

    Nothing about requests is logged. ``proxied`` by this machine, clients are those that the proxy
    names in ``X-Forwarded-For``; anybody else's word on that is not taken.
    """
    _return_memory()
    config = uvicorn.Config(
        app,
        port=port,
        http=Patient,
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=5,
        limit_concurrency=512,
        proxy_headers=proxied,
        forwarded_allow_ips=_PROXIES,
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


def _return_memory() -> None:
    """Let glibc give large blocks back at once; bodies would leave holes that look like a leak.

    Elsewhere nothing is done.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
        tune(_M_ARENA_MAX, 2)
