"""The result of the last texts a network read, for metrics that differ only in how they count."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Last(Generic[T]):
    """One result and the hash of what it was made from; texts themselves are not kept."""

    def __init__(self) -> None:
        self._digest = b""
        self._result: T | None = None

    def of(self, maker: str, texts: Sequence[str], make: Callable[[], T]) -> T:
        """What ``make`` gave for these texts by this maker, made now unless they were the last."""
        digest = hashlib.sha256(maker.encode())
        for text in texts:
            digest.update(f"\0{len(text)}\0{text}".encode())
        if self._result is None or digest.digest() != self._digest:
            self._result, self._digest = make(), digest.digest()
        return self._result
