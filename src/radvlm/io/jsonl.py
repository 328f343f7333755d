"""JSON Lines: a write-ahead log that survives being killed, and records as plain values.

A record is on the disk when ``append`` returns (or, with a larger ``batch``, when ``flush``
does). A line torn by a crash is dropped on reading and cut off before the next is written; any
other line that cannot be read is an error, never skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from radvlm.errors import OutputError, TableError
from radvlm.io.files import atomic_path
from radvlm.records import Prediction, Reply, Score


class JsonlLog:
    """A file of one JSON object a line, appended to by one process.

    Iterating reads what is on the disk. The file is made by the first ``append``.

    Args:
        path: the file; its folder is made where it is missing.
        batch: how many records may wait in memory before they are forced to the disk.
    """

    def __init__(self, path: Path, batch: int = 1) -> None:
        self._path = path
        self._batch = batch
        self._waiting = 0
        self._stream: BinaryIO | None = None

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record of plain values.

        Raises:
            OutputError: the disk is full or the folder read-only.
            TableError: the record holds what is no JSON, such as NaN.
        """
        line = _line(record, self._path)
        try:
            if self._stream is None:
                self._stream = self._reopen()
            self._stream.write(line)
            self._waiting += 1
            if self._waiting >= self._batch:
                self.flush()
        except OSError as error:
            why = (error.strerror or "unknown reason").lower()
            raise OutputError(f"cannot be written ({why})", self._path, "Free space") from error

    def flush(self) -> None:
        """Force what was appended to the disk."""
        if self._stream is not None:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        self._waiting = 0

    def close(self) -> None:
        """Flush and close; a later ``append`` opens the file again."""
        if self._stream is not None:
            self.flush()
            self._stream.close()
            self._stream = None

    def __enter__(self) -> JsonlLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every whole record in order; ``TableError`` names a line that is broken."""
        self.flush()
        if not self._path.exists():
            return
        with self._path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith(b"\n"):
                    return
                yield _record(line, self._path, number)

    def _reopen(self) -> BinaryIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        stream = self._path.open("a+b")
        stream.truncate(_whole_lines(stream))
        return stream


def keep_lines(path: Path, count: int) -> None:
    """Cut a file back to its first ``count`` lines; a file that is missing stays missing.

    A run that goes on from a saved state cuts back what it wrote after that state, so that no step
    is there twice. The file is replaced as a whole: killed here, a run loses nothing.

    Raises:
        OutputError: the folder cannot be written.
    """
    if not path.exists():
        return
    kept = path.read_bytes().splitlines()[:count]
    with atomic_path(path) as aside:
        aside.write_bytes(b"".join(line + b"\n" for line in kept))


def prediction_to_json(prediction: Prediction) -> dict[str, Any]:
    """A prediction as plain values."""
    return asdict(prediction)


def prediction_from_json(plain: Mapping[str, Any]) -> Prediction:
    """The prediction of plain values; ``TableError`` where they are not one."""
    try:
        replies = tuple(_reply(reply) for reply in plain["replies"])
        return Prediction(**{**plain, "replies": replies})
    except (KeyError, TypeError) as error:
        raise TableError("record is not a prediction", remedy="Predict anew") from error


def score_to_json(score: Score) -> dict[str, Any]:
    """A score as plain values."""
    return asdict(score)


def score_from_json(plain: Mapping[str, Any]) -> Score:
    """The score of plain values; ``TableError`` where they are not one."""
    try:
        interval = plain["interval"]
        return Score(**{**plain, "interval": None if interval is None else tuple(interval)})
    except (KeyError, TypeError) as error:
        raise TableError("record is not a score", remedy="Score anew") from error


def _reply(plain: Mapping[str, Any]) -> Reply:
    lists = ("token_logprobs", "token_ends")
    tuples = {name: tuple(plain[name]) for name in lists if plain.get(name) is not None}
    return Reply(**{**plain, **tuples})


def _line(record: Mapping[str, Any], path: Path) -> bytes:
    try:
        text = json.dumps(dict(record), ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise TableError("a value is not JSON", path, "Leave out NaN and infinity") from error
    return f"{text}\n".encode("utf-8", "surrogatepass")


def _record(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise TableError(f"line {number} is broken", path, "Restore or remove it") from error
    if not isinstance(record, dict):
        raise TableError(f"line {number} is not a record", path, "Restore or remove it")
    return record


def _whole_lines(stream: BinaryIO) -> int:
    """How many bytes of a file are lines with their end."""
    end = stream.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        stream.seek(start)
        found = stream.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
