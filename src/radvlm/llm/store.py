"""The call store: what was answered, by the hash of what was asked, so nothing is sent twice.

One SQLite file, mode 0600, because answers hold what patients' reports hold; whoever keeps one
names it in the manifest. What ``put`` has taken is on the disk when it returns.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from radvlm.errors import OutputError, TableError


class CallStore:
    """Answers by key, from any thread; use as a context. One process writes, any may read.

    Raises:
        OutputError: the file cannot be made.
        TableError: it is there and no call store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            path.chmod(0o600)
        except OSError as error:
            raise OutputError("cannot be written", path, "Choose another place") from error
        with _said_plainly(path):
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute("PRAGMA synchronous=FULL")
            self._file.execute("CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY, said BLOB)")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        with _said_plainly(self.path):
            count: int = self._file.execute("SELECT COUNT(*) FROM calls").fetchone()[0]
            return count

    def get(self, key: str) -> dict[str, Any] | None:
        """What was kept under a key; none where nothing was."""
        with _said_plainly(self.path):
            row = self._file.execute("SELECT said FROM calls WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        said: dict[str, Any] = orjson.loads(row[0])
        return said

    def put(self, key: str, said: dict[str, Any]) -> None:
        """Keep an answer of plain values."""
        with _said_plainly(self.path):
            row = (key, orjson.dumps(said))
            self._file.execute("INSERT OR REPLACE INTO calls VALUES (?, ?)", row)


@contextmanager
def _said_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OutputError("the call store cannot be written", path, "Free space") from error
    except sqlite3.DatabaseError as error:
        raise TableError("is no call store, or is damaged", path, "Move it away") from error
