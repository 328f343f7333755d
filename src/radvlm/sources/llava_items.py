"""Items of a LLaVA-format file: a JSON list, or JSON Lines.

JSON Lines are read one at a time and found again by where they stand, so that a file of any size
takes no more memory than an index of it. A JSON list is held whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

from radvlm.errors import TableError

MAX_LIST = 4 << 30
"""Bytes of a JSON list; a larger file has to be JSON Lines."""

MAX_LINE = 16 << 20

_BOM = b"\xef\xbb\xbf"


class Items(Protocol):
    """The items of a file in order, each with its place."""

    def scan(self) -> Iterator[tuple[int, Any]]:
        """Place and item of each; an item that is no JSON is none."""
        ...

    def at(self, place: int) -> Any:
        """The item at a place that ``scan`` gave."""
        ...


@contextmanager
def open_items(path: Path) -> Iterator[Items]:
    """The items of a file, which stays open as long as the block lasts.

    Raises:
        TableError: the file is missing, or neither a JSON list nor JSON Lines.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise TableError("the file cannot be read", path, "Check the option `file`") from error
    with stream:
        first = stream.read(256).removeprefix(_BOM).lstrip()[:1]
        stream.seek(0)
        if first == b"[":
            yield _List(stream, path)
        elif first == b"{":
            yield _Lines(stream)
        else:
            raise TableError("is neither a JSON list nor JSON Lines", path, "Check the file")


class _Lines:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def scan(self) -> Iterator[tuple[int, Any]]:
        self._stream.seek(0)
        place = 0
        while line := self._stream.readline(MAX_LINE):
            if line.strip():
                yield place, _loaded(line)
            place += len(line)

    def at(self, place: int) -> Any:
        self._stream.seek(place)
        return _loaded(self._stream.readline(MAX_LINE))


class _List:
    def __init__(self, stream: BinaryIO, path: Path) -> None:
        if path.stat().st_size > MAX_LIST:
            raise TableError("a JSON list of more than 4 GiB", path, "Make it JSON Lines")
        self._items = _loaded(stream.read(MAX_LIST))
        if not isinstance(self._items, list):
            raise TableError("is no whole JSON list", path, "Get the file anew")

    def scan(self) -> Iterator[tuple[int, Any]]:
        return enumerate(self._items)

    def at(self, place: int) -> Any:
        return self._items[place]


def _loaded(data: bytes) -> Any:
    try:
        return orjson.loads(data.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return None
