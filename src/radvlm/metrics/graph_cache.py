"""Graphs of reference reports, kept on disk so that a report is read by RadGraph once.

One SQLite file, mode 0600 since graphs hold words of reports, below ``RADVLM_CACHE`` or else the
user's cache folder. A graph is found by the hash of its text and of the weights that made it; texts
themselves are not kept. Several processes can use the file at once.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import orjson

from radvlm.errors import InputError
from radvlm.metrics.radgraph_reward import Graph

_ASKED = 500
"""Texts looked up in one question; SQLite bounds how many values it takes."""


class GraphCache:
    """Texts → graphs, from ``path`` where they are known and otherwise from ``read``.

    Args:
        path: the SQLite file; its folder is made, open to its owner alone.
        revision: what tells graphs of different weights apart.
        read: gives the graphs of texts that are not known yet, in order.
    """

    def __init__(
        self, path: Path, revision: str, read: Callable[[Sequence[str]], list[Graph]]
    ) -> None:
        self._path, self._revision, self._read = path, revision, read
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))

    def graphs(self, texts: Sequence[str]) -> list[Graph]:
        """The graph of each text, in order.

        Raises:
            InputError: the file is damaged or is no such cache.
        """
        keys = [_key(self._revision, text) for text in texts]
        try:
            with closing(sqlite3.connect(self._path, timeout=60)) as store, store:
                store.execute(
                    "CREATE TABLE IF NOT EXISTS graphs (key BLOB PRIMARY KEY, graph BLOB)"
                )
                known = _known(store, sorted(set(keys)))
                new = {k: t for k, t in zip(keys, texts, strict=True) if k not in known}
                if new:
                    made = dict(zip(new, self._read(list(new.values())), strict=True))
                    rows = [(key, orjson.dumps(graph)) for key, graph in made.items()]
                    store.executemany("INSERT OR REPLACE INTO graphs VALUES (?, ?)", rows)
                    known |= made
        except (sqlite3.DatabaseError, orjson.JSONDecodeError) as error:
            raise InputError("not a cache of graphs", self._path, "Delete the file") from error
        return [known[key] for key in keys]


def default_path() -> Path:
    """Where reference graphs are kept: ``$RADVLM_CACHE/reference_graphs.sqlite``."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("RADVLM_CACHE") or Path(home) / "radvlm") / "reference_graphs.sqlite"


def _known(store: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Graph]:
    found: dict[bytes, Graph] = {}
    for start in range(0, len(keys), _ASKED):
        asked = keys[start : start + _ASKED]
        places = ", ".join("?" * len(asked))
        rows = store.execute(f"SELECT key, graph FROM graphs WHERE key IN ({places})", asked)
        found |= {key: orjson.loads(graph) for key, graph in rows}
    return found


def _key(revision: str, text: str) -> bytes:
    return hashlib.sha256(f"{revision}\0{text}".encode()).digest()
