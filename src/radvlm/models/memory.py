"""What a model keeps for a while: prepared images, their features, the last conversations.

Each is a bounded table from which the oldest goes first; two threads may use one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from radvlm.protocols import Pixels

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key, together of no more than ``limit`` weight (without ``weigh``, of 1 each)."""

    def __init__(self, limit: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        self.limit = limit
        self._weigh = weigh
        self._held: dict[Hashable, Value] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable) -> Value | None:
        """The value, if it is still there."""
        return self._held.get(key)

    def take(self, key: Hashable) -> Value | None:
        """The value, which now belongs to the caller alone."""
        with self._lock:
            return self._held.pop(key, None)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value; the oldest make room, and one that is too heavy is not kept."""
        with self._lock:
            self._held.pop(key, None)
            self._held[key] = value
            while sum(map(self._weigh, self._held.values())) > self.limit:
                self._held.pop(next(iter(self._held)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()


def pixels_key(pixels: Pixels) -> Hashable:
    """What tells an image in memory from others: its size and a digest of its bytes."""
    return pixels.shape, blake2b(pixels.tobytes(), digest_size=16).digest()


def file_key(path: Path) -> Hashable:
    """What tells a file from its later versions; none where it cannot be looked at."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return str(path), seen.st_mtime_ns, seen.st_size
