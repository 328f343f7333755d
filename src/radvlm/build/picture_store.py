"""Hashes of pictures on disk: each picture is decoded once, whichever builds ask for it.

In: paths of images. Out: their hashes (``io.picture_hash``), and what is wrong with those that have
none. The folder holds one JSON file for every 1024th of all possible paths; a file is written when
its pictures are done, so a killed run loses some seconds of work, and builds with other images add
theirs. A picture whose size or time has changed is decoded anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from radvlm.errors import ImageError
from radvlm.io.files import check_writable, read_json, write_json
from radvlm.io.image import read_image
from radvlm.io.picture_hash import BITS, VARIANTS, Hashes, picture_hashes
from radvlm.io.progress import Bar
from radvlm.runtime.memory import keep_freed_memory
from radvlm.runtime.shards import map_shards

FILES = 1024
VERSION = 1
"""Of the hashes and the files; those of another version are made anew."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """``hashes`` uint8 [pictures, 3, 32] of ``paths``, sorted; ``damaged`` path → reason."""

    paths: list[str]
    hashes: Hashes
    damaged: dict[str, str]


@dataclass(slots=True)
class _Shard:
    """The pictures of one file."""

    number: int
    paths: list[str] = field(default_factory=list)


def hash_pictures(
    paths: Iterable[str], out: Path, workers: int | None = None, progress: Bar | None = None
) -> Pictures:
    """The hashes of all pictures, those in ``out`` as they are and the others made on all cores.

    Args:
        paths: of images; one that is named twice is decoded once.
        out: the folder of the hashes; made where it is missing, shared between builds.
        workers: as for ``map_shards``.
        progress: told how many pictures of how many are done.

    Raises:
        OutputError: the folder cannot be written.
        InputError: one of its files was damaged.
    """
    check_writable(out)
    shards: dict[int, _Shard] = {}
    for path in sorted(set(paths)):
        number = crc32(os.path.abspath(path).encode()) % FILES
        shards.setdefault(number, _Shard(number)).paths.append(path)
    todo = [shards[number] for number in sorted(shards)]
    total = sum(len(shard.paths) for shard in todo)
    good: dict[str, str] = {}
    damaged: dict[str, str] = {}
    done = 0
    for index, (hashed, bad) in map_shards(partial(_hash_shard, out), todo, workers=workers):
        good |= hashed
        damaged |= bad
        done += len(todo[index].paths)
        if progress:
            progress(done, total, note="pictures compared")
    named = sorted(good)
    packed = np.frombuffer(bytes.fromhex("".join(good[path] for path in named)), np.uint8)
    return Pictures(named, packed.reshape(-1, VARIANTS, BITS // 8), damaged)


def _hash_shard(out: Path, shard: _Shard) -> tuple[dict[str, str], dict[str, str]]:
    """Path → hashes in hexadecimal, path → what is wrong with it."""
    record = out / f"{shard.number:04d}.json"
    known = _known(record)
    before = dict(known)
    keep_freed_memory()
    for path in shard.paths:
        key, stamp = os.path.abspath(path), _stamp(path)
        if key not in known or known[key]["stamp"] != stamp:
            known[key] = {"stamp": stamp, **_hashed(Path(path))}
    if known != before:
        write_json(record, {"version": VERSION, "pictures": known}, private=True)
    told = {path: known[os.path.abspath(path)] for path in shard.paths}
    return (
        {path: one["hashes"] for path, one in told.items() if "hashes" in one},
        {path: one["damaged"] for path, one in told.items() if "damaged" in one},
    )


def _known(record: Path) -> dict[str, Any]:
    if not record.exists():
        return {}
    found = read_json(record)
    pictures: dict[str, Any] = found["pictures"] if found["version"] == VERSION else {}
    return pictures


def _stamp(path: str) -> str:
    """Size and time of the file, by which a changed one is known."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return "missing"
    return f"{found.st_size} {found.st_mtime_ns}"


def _hashed(path: Path) -> dict[str, str]:
    try:
        return {"hashes": picture_hashes(read_image(path)).tobytes().hex()}
    except ImageError as error:
        return {"damaged": error.what}
