"""How many requests an endpoint takes at once: found by trying, as TCP finds its window.

Each answer raises the limit a little, a full or silent server halves it (additive increase,
multiplicative decrease; Chiu & Jain 1989), once for all requests that were under way together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Generic, TypeVar

SLOWEST = 60.0
"""Seconds an endpoint that does not answer is left alone at most."""

APART = 0.004
"""Seconds between two requests: what one costs this process. Requests that start together are
answered together, wait for each other here and so stay together, which costs a tenth of the rate.
"""

E = TypeVar("E")


class Gate(Generic[E]):
    """The way to one endpoint: how many may go, how many are there, and until when it rests."""

    def __init__(self, endpoint: E, most: int) -> None:
        self.endpoint = endpoint
        self.most = most
        self.limit = float(most)
        self.under_way = 0
        self.rests_until = 0.0
        self.shut = False
        self._halved = 0.0
        self._next = 0.0
        self._down = 0

    def open(self, now: float) -> bool:
        """Whether one more request may go."""
        free = now >= self.rests_until and self.under_way < int(self.limit)
        return free and not self.shut

    async def spaced(self) -> None:
        """Wait until the request before has been out for ``APART``."""
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + APART
        await asyncio.sleep(turn - now)

    def answered(self) -> None:
        """The endpoint took a request and answered it."""
        self._down = 0
        self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def full(self, sent_at: float, rest: float = 0.0) -> None:
        """It had too many, or did not answer in time; it may have said for how long to rest."""
        now = time.monotonic()
        if sent_at >= self._halved:
            self.limit, self._halved = max(1.0, self.limit / 2), now
        self.rests_until = max(self.rests_until, now + min(rest, SLOWEST))

    def unreachable(self) -> None:
        """Nothing is there: it is left alone for a while, longer each time."""
        self._down += 1
        self.rests_until = time.monotonic() + min(0.25 * 2**self._down, SLOWEST)


class Gates(Generic[E]):
    """Several endpoints: a request goes where the largest part of the limit is free."""

    def __init__(self, gates: Sequence[Gate[E]]) -> None:
        self.gates = gates
        self._changed = asyncio.Event()

    @property
    def most(self) -> int:
        """Requests that may ever be under way together."""
        return sum(gate.most for gate in self.gates)

    async def enter(self) -> Gate[E] | None:
        """Wait for a gate that is open, and go through; none where all are shut for good."""
        while not all(gate.shut for gate in self.gates):
            now = time.monotonic()
            free = [gate for gate in self.gates if gate.open(now)]
            if free:
                gate = min(free, key=lambda one: one.under_way / one.limit)
                gate.under_way += 1
                return gate
            resting = [gate.rests_until - now for gate in self.gates if gate.rests_until > now]
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), min(resting, default=SLOWEST))
            except TimeoutError:
                continue
        self._changed.set()
        return None

    def leave(self, gate: Gate[E]) -> None:
        """The request through this gate has ended, however it did."""
        gate.under_way -= 1
        self._changed.set()
