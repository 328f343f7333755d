"""The views of a build's examples, and which of training and of a held-out split are one picture.

In: shards of examples and the hashes of their pictures. Out: pairs of views whose pictures are the
same although their leak keys differ. Only the columns that name views are read, in Arrow: a data
set has a million examples of a few hundred thousand views.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from radvlm.build.picture_store import Pictures
from radvlm.io.picture_hash import same_pictures
from radvlm.records import Split

_COLUMNS = ["id", "source", "family", "patient", "access", "views"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A view of some examples; ``key`` is the leak key, ``source`` who spoke of it."""

    key: str
    family: str
    id: str
    path: str
    source: str
    open: bool
    split: Split


@dataclass(frozen=True, slots=True)
class Pair:
    """The same picture in training and elsewhere; ``bits`` of the hashes differ."""

    training: Seen
    other: Seen
    bits: int


def _views_in(path: Path) -> pa.Table:
    """A row for each view of each example of a shard."""
    table = pq.read_table(path, columns=_COLUMNS).combine_chunks()
    flat = pc.list_flatten(table["views"]).combine_chunks()
    rows = table.take(pc.list_parent_indices(table["views"]))
    named = pc.binary_join_element_wise("view", flat.field("id"), ":")
    known = pc.binary_join_element_wise("patient", rows["patient"], ":")
    whose = pc.coalesce(known, named)
    return (
        rows.drop_columns(["views"])
        .append_column("view", flat.field("id"))
        .append_column("path", flat.field("path"))
        .append_column("key", pc.binary_join_element_wise(rows["family"], whose, "\x1f"))
    )


def _shards(folder: Path, split: Split) -> list[Path]:
    return sorted(folder.glob(f"examples-{split}-*.parquet"))


def seen(folder: Path, split: Split) -> list[Seen]:
    """The views of a split, each once, sorted."""
    sources: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    closed: set[str] = set()
    for shard in _shards(folder, split):
        names = ["key", "family", "view", "path", "source", "access"]
        for row in _views_in(shard).group_by(names).aggregate([]).to_pylist():
            sources[row["key"], row["family"], row["view"], row["path"]].add(row["source"])
            if row["access"] != "open":
                closed.add(row["key"])
    return [
        Seen(key, family, view, path, "+".join(sorted(who)), key not in closed, split)
        for (key, family, view, path), who in sorted(sources.items())
    ]


def pairs_of(
    pictures: Pictures, training: Sequence[Seen], others: Sequence[Seen], distance: int
) -> Iterator[Pair]:
    """Views of the same picture whose leak keys differ, sorted."""
    number = {path: index for index, path in enumerate(pictures.paths)}
    sides: list[dict[int, list[Seen]]] = []
    for views in (training, others):
        side: dict[int, list[Seen]] = defaultdict(list)
        for view in views:
            if view.path in number:
                side[number[view.path]].append(view)
        sides.append(side)
    first, second = ([*side] for side in sides)
    hashes = pictures.hashes
    for i, j, bits in same_pictures(hashes[first], hashes[second], distance).tolist():
        for training_view in sides[0][first[i]]:
            for other in sides[1][second[j]]:
                if training_view.key != other.key:
                    yield Pair(training_view, other, bits)


def ids_of(folder: Path, split: Split, keys: Set[str]) -> Iterator[tuple[Path, set[str]]]:
    """Shards of a split with the ids of their examples about these leak keys, where any."""
    wanted = pa.array(sorted(keys), pa.string())
    for shard in _shards(folder, split) if keys else ():
        views = _views_in(shard)
        if ids := set(views.filter(pc.is_in(views["key"], value_set=wanted))["id"].to_pylist()):
            yield shard, ids


def plain_pair(pair: Pair) -> dict[str, Any]:
    """The line of ``copies.jsonl`` about one pair."""

    def of(view: Seen) -> dict[str, str]:
        return {"source": view.source, "family": view.family, "view": view.id, "path": view.path}

    return {
        "training": of(pair.training),
        "other": of(pair.other),
        "split": pair.other.split,
        "bits": pair.bits,
    }
