"""Decoded squares of many radiographs in one file: uint8 [n, s, s], read again without decoding.

The file stands beside a list of what it holds; another list or size makes it anew. An image that
cannot be read is named and leaves the set; too many end the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from radvlm.errors import ImageError, IncompleteError
from radvlm.explain.images import Row, digest
from radvlm.explain.pixels import to_square
from radvlm.io.files import atomic_path, read_json, write_json
from radvlm.io.image import read_image
from radvlm.io.progress import Bar
from radvlm.protocols import Pixels
from radvlm.runtime.shards import map_shards

_CHUNK = 256
_TOLERATED = 0.01


def squares(
    rows: Sequence[Row],
    side: int,
    path: Path,
    workers: int | None = None,
    progress: Bar | None = None,
) -> tuple[list[Row], Pixels]:
    """The rows whose images can be read, and their squares, mapped from ``path``.

    Raises:
        IncompleteError: more than one in a hundred images cannot be read.
    """
    about = path.with_suffix(".json")
    held = {"images": digest(rows), "side": side}
    if path.exists() and about.exists():
        found = read_json(about)
        if {key: found[key] for key in held} == held:
            return _without(rows, found["damaged"]), np.load(path, mmap_mode="r")
    damaged: list[str] = []
    chunks = [rows[at : at + _CHUNK] for at in range(0, len(rows), _CHUNK)]
    made = []
    for number, (images, lost) in map_shards(partial(_some, side), chunks, workers=workers):
        made.append(images)
        damaged += lost
        if progress:
            progress(min((number + 1) * _CHUNK, len(rows)), len(rows), note="reading images")
    if len(damaged) > _TOLERATED * len(rows):
        raise IncompleteError(
            f"{len(damaged)} of {len(rows)} images cannot be read", damaged[0], "Mend the source"
        )
    with atomic_path(path) as aside, aside.open("wb") as file:
        np.save(file, np.concatenate(made), allow_pickle=False)
    write_json(about, {**held, "damaged": damaged})
    return _without(rows, damaged), np.load(path, mmap_mode="r")


def read_square(path: Path, side: int) -> Pixels:
    """One file, PNG, JPEG or DICOM, as uint8 [side, side]; ``ImageError`` where it is damaged."""
    return to_square(read_image(path), side)


def _some(side: int, rows: Sequence[Row]) -> tuple[Pixels, list[str]]:
    images, lost = [], []
    for row in rows:
        try:
            images.append(read_square(row.path, side))
        except ImageError:
            lost.append(row.view)
    return np.stack(images) if images else np.zeros((0, side, side), np.uint8), lost


def _without(rows: Sequence[Row], damaged: Sequence[str]) -> list[Row]:
    lost = set(damaged)
    return [row for row in rows if row.view not in lost]
