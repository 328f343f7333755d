"""A baseline's process: started in its own environment, asked over pipes, restarted when it dies.

Requests and replies are JSON lines (``runners/loop.py``). What the process prints otherwise goes to
a log that only the user can read, beside the environment; nothing of it comes here.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from radvlm.errors import IncompleteError

MARK = b"radvlm-baseline:"
STARTS = 3
"""Times a process may end or hang without having answered anything in between."""


@dataclass(slots=True)
class Worker:
    """``command`` starts the runner; ``log`` takes what it prints; times are in seconds."""

    command: Sequence[str]
    log: Path
    loading: float = 900.0
    answering: float = 300.0
    environment: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _held: bytes = b""
    _failures: int = 0

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request; ``{"error": …}`` where the process died or hung over it.

        Raises:
            IncompleteError: it does not start, or has failed ``STARTS`` times on end.
        """
        if self._process is None:
            self._start()
        try:
            self._send(request)
            reply = self._reply(self.answering, request["id"])
        except (EOFError, OSError, TimeoutError) as failure:
            self.close()
            self._failures += 1
            if self._failures >= STARTS:
                raise IncompleteError(
                    f"the baseline's process failed {STARTS} times on end",
                    self.command[-1],
                    f"What it printed is in {self.log}",
                ) from None
            return {"error": type(failure).__name__}
        self._failures = 0
        return reply

    def close(self) -> None:
        """End the process; the next request starts another."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process, self._held = None, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(handle, 0o600)
        # Packages of this program are none of the other's.
        inherited = {n: v for n, v in os.environ.items() if n not in ("PYTHONPATH", "PYTHONHOME")}
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=handle,
                env=inherited | self.environment,
                start_new_session=True,
            )
        except OSError:
            raise IncompleteError(
                "the baseline's interpreter does not start", self.command[0], "Set it up anew"
            ) from None
        finally:
            os.close(handle)
        try:
            self._reply(self.loading, None)
        except (EOFError, TimeoutError):
            self.close()
            raise IncompleteError(
                "the baseline could not be loaded", self.command[-1], f"See {self.log}"
            ) from None

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()

    def _reply(self, seconds: float, wanted: int | None) -> dict[str, Any]:
        """The next message of the protocol with that id; all else is passed over."""
        ends = time.monotonic() + seconds
        while True:
            line = self._line(ends)
            if not line.startswith(MARK):
                continue
            try:
                message = json.loads(line.removeprefix(MARK))
            except ValueError:
                continue
            if isinstance(message, dict) and message.get("id") == wanted:
                return message

    def _line(self, ends: float) -> bytes:
        """The next line of the process; ``EOFError`` at its end, ``TimeoutError`` when late."""
        assert self._process is not None and self._process.stdout is not None
        pipe = self._process.stdout
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._held:
                if not waiting.select(max(0.0, ends - time.monotonic())):
                    raise TimeoutError
                more = os.read(pipe.fileno(), 1 << 16)
                if not more:
                    raise EOFError
                self._held += more
        line, _, self._held = self._held.partition(b"\n")
        return line
