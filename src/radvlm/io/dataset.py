"""The files of a built data set: a few shards a split, read as one.

examples-train-00000-of-00008.parquet …    studies-00000-of-00008.parquet …
manifest.json  recipe.json  quarantine.jsonl  README.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from radvlm.errors import TableError
from radvlm.io.files import read_json
from radvlm.io.tables import read_examples, read_studies
from radvlm.records import Example, Split, Study

MANIFEST = "manifest.json"
STUDIES = "studies"


def shard_name(stem: str, index: int, of: int) -> str:
    """``examples-train-00000-of-00008.parquet``."""
    return f"{stem}-{index:05d}-of-{of:05d}.parquet"


def examples_of(folder: Path, split: Split) -> Iterator[Example]:
    """The examples of a split, shard by shard; none where the data set has none of the split.

    Raises:
        TableError: the folder holds no data set, or a shard is missing or damaged.
    """
    for path in shards_of(folder, f"examples-{split}"):
        yield from read_examples(path)


def studies_of(folder: Path) -> Iterator[Study]:
    """The studies of a data set, shard by shard.

    Raises:
        TableError: as ``examples_of``.
    """
    for path in shards_of(folder, STUDIES):
        yield from read_studies(path)


def shards_of(folder: Path, stem: str) -> list[Path]:
    """The files of one kind that the manifest names, in order.

    Raises:
        TableError: the folder holds no data set.
    """
    if not (folder / MANIFEST).is_file():
        raise TableError("holds no data set", folder, "Run `radvlm build` first")
    names: dict[str, str] = read_json(folder / MANIFEST)["files"]
    return [folder / name for name in sorted(names) if name.startswith(f"{stem}-")]
