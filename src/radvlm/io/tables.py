"""Studies and examples as Parquet, read back exactly as they were written.

Each file carries ``schema_version`` and the kind of its records; a newer version is refused.
Rows are streamed in row groups with page checksums, and the file appears whole or not at all.
Columns ``messages`` and ``objects`` follow ``io.turns``: no coordinate is ever text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from radvlm.errors import InputError, TableError
from radvlm.io.files import atomic_path
from radvlm.io.turns import (
    BBOX,
    MESSAGES,
    OBJECTS,
    corners,
    turns_from_plain,
    turns_to_plain,
)
from radvlm.protocols import WHOLE, Slice
from radvlm.records import Box, Dialogue, Example, Finding, Region, Study, View

SCHEMA_VERSION = 2
_ROW_GROUP, _BATCH = 4096, 256

_TEXT = pa.string()
_VIEWS = pa.list_(
    pa.struct(
        {
            "id": _TEXT,
            "path": _TEXT,
            "projection": _TEXT,
            "width": pa.int64(),
            "height": pa.int64(),
        }
    )
)
_FINDINGS = pa.list_(
    pa.struct(
        {
            "name": _TEXT,
            "status": _TEXT,
            "origin": _TEXT,
            "view": _TEXT,
            "boxes": pa.list_(BBOX),
            "phrase": _TEXT,
            "confidence": pa.float64(),
        }
    )
)
_REGIONS = pa.list_(pa.struct({"name": _TEXT, "view": _TEXT, "bbox": BBOX}))
_DIALOGUES = pa.list_(
    pa.struct({"origin": _TEXT, "view": _TEXT, "messages": MESSAGES, "objects": OBJECTS})
)
_STUDIES = pa.schema(
    {
        "family": _TEXT,
        "sources": pa.list_(_TEXT),
        "id": _TEXT,
        "patient": _TEXT,
        "split": _TEXT,
        "access": _TEXT,
        "views": _VIEWS,
        "texts": pa.map_(_TEXT, _TEXT),
        "findings": _FINDINGS,
        "regions": _REGIONS,
        "dialogues": _DIALOGUES,
        "sex": _TEXT,
        "age": pa.float64(),
        "prior": _TEXT,
    }
)
_HEAD = ("id", "task", "source", "family", "patient", "split", "access")
_EXAMPLES = pa.schema(
    {
        **dict.fromkeys(_HEAD, _TEXT),
        "sex": _TEXT,
        "age": pa.float64(),
        "views": _VIEWS,
        "messages": MESSAGES,
        "objects": OBJECTS,
    }
)

Kind = Literal["studies", "examples"]
R = TypeVar("R")
Plain = Mapping[str, Any]


class TableWriter:
    """A table that grows row by row: rows become columns in small batches, batches row groups.

    The caller sees to it that the file appears whole (``io.files``). Use as a context.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        schema, self.plain = _KINDS[kind]
        marks = {"schema_version": str(SCHEMA_VERSION), "kind": kind}
        self.path, self.count = path, 0
        self._schema = schema.with_metadata(marks)
        self._rows: list[dict[str, Any]] = []
        self._batches: list[pa.RecordBatch] = []
        self._file = pq.ParquetWriter(
            path, self._schema, compression="zstd", write_page_checksum=True
        )

    def add(self, record: Any) -> None:
        """Append a record of the table's kind."""
        self.add_plain(self.plain(record))

    def add_plain(self, row: dict[str, Any]) -> None:
        """Append a row that is plain already."""
        self._rows.append(row)
        self.count += 1
        if len(self._rows) == _BATCH:
            self._convert()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is left; after an error the file is only closed."""
        if kind is None:
            self._convert()
            self._flush()
        self._file.close()

    def _convert(self) -> None:
        try:
            batch = pa.RecordBatch.from_pylist(self._rows, schema=self._schema)
        except (pa.ArrowException, UnicodeEncodeError, TypeError) as error:
            where = f"{self.path}, records {self.count - len(self._rows) + 1} to {self.count}"
            raise TableError("a value cannot be stored", where, "Check its type") from error
        self._batches.append(batch)
        self._rows = []
        if len(self._batches) * _BATCH >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            self._file.write_table(pa.Table.from_batches(self._batches))
        self._batches = []


def write_studies(path: Path, studies: Iterable[Study]) -> int:
    """Write studies in the order given and return how many.

    Raises:
        TableError: a record holds what Parquet cannot (text that is not Unicode).
        OutputError: the file cannot be written.
    """
    return _write(path, "studies", studies)


def read_studies(path: Path, part: Slice = WHOLE) -> Iterator[Study]:
    """The studies of a file that are in the slice, in order.

    Raises:
        TableError: the file is damaged or of a newer version.
    """
    return _read(path, "studies", _STUDIES, _study_from_plain, part)


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write examples in the order given and return how many.

    Raises:
        TableError: a record holds what Parquet cannot (text that is not Unicode).
        OutputError: the file cannot be written.
    """
    return _write(path, "examples", examples)


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a file in order; ``TableError`` where it is damaged or of a newer version."""
    return _read(path, "examples", _EXAMPLES, _example_from_plain)


def _write(path: Path, kind: Kind, records: Iterable[Any]) -> int:
    with atomic_path(path) as aside, TableWriter(aside, kind) as writer:
        for record in records:
            writer.add(record)
    return writer.count


def _read(
    path: Path, kind: str, schema: pa.Schema, make: Callable[[Plain], R], part: Slice = WHOLE
) -> Iterator[R]:
    """Check the header now, then read as asked for."""
    with _damage(path):
        found = pq.read_schema(path)
    marks = found.metadata or {}
    if marks.get(b"kind") != kind.encode() or not marks.get(b"schema_version", b"").isdigit():
        raise TableError(f"is not a table of {kind}", path, "Build the data set anew")
    if int(marks[b"schema_version"]) > SCHEMA_VERSION:
        version = marks[b"schema_version"].decode()
        raise TableError(f"has schema version {version}, newer than this", path, "Update radvlm")
    if not found.equals(schema):
        raise TableError(f"lacks columns of a table of {kind}", path, "Build the data set anew")
    return _rows(path, make, part)


def _rows(path: Path, make: Callable[[Plain], R], part: Slice) -> Iterator[R]:
    number = 0
    with _damage(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=_BATCH):
            kept = batch if part.whole else batch.filter(_inside(batch, part))
            number += len(batch) - len(kept)
            for row in kept.to_pylist():
                number += 1
                try:
                    record = make(row)
                except (InputError, TypeError, ValueError) as error:
                    why = error.what if isinstance(error, InputError) else "a value is missing"
                    where = f"{path}, record {number}"
                    raise TableError(why, where, "Build the data set anew") from error
                yield record


def _inside(batch: pa.RecordBatch, part: Slice) -> pa.Array:
    """Which studies of a batch are in the slice, before any of them is made."""
    keys = pc.coalesce(batch["patient"], batch["id"])
    return pa.array([key in part for key in keys.to_pylist()])


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turn what pyarrow says of a missing or damaged file into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise TableError("does not exist", path, "Check the path") from error
    except (OSError, pa.ArrowException) as error:
        raise TableError("is damaged or no Parquet file", path, "Write it anew") from error


def _view_to_plain(view: View) -> dict[str, Any]:
    return {
        "id": view.id,
        "path": view.path,
        "projection": view.projection,
        "width": view.width,
        "height": view.height,
    }


def example_to_plain(example: Example) -> dict[str, Any]:
    """The columns of one example."""
    return {
        **{name: getattr(example, name) for name in _HEAD},
        "sex": example.sex,
        "age": example.age,
        "views": list(map(_view_to_plain, example.views)),
        **turns_to_plain(example.turns),
    }


def _example_from_plain(row: Plain) -> Example:
    return Example(
        **{name: row[name] for name in _HEAD},
        views=tuple(View(**view) for view in row["views"]),
        turns=turns_from_plain(row),
        sex=row["sex"],
        age=row["age"],
    )


def _study_to_plain(study: Study) -> dict[str, Any]:
    return {
        **{name: getattr(study, name) for name in _STUDIES.names},
        "views": list(map(_view_to_plain, study.views)),
        "texts": list(study.texts.items()),
        "findings": [
            {name: getattr(f, name) for name in ("name", "status", "origin", "view", "phrase")}
            | {"boxes": list(map(corners, f.boxes)), "confidence": f.confidence}
            for f in study.findings
        ],
        "regions": [
            {"name": r.name, "view": r.view, "bbox": corners(r.box)} for r in study.regions
        ],
        "dialogues": [
            {"origin": d.origin, "view": d.view, **turns_to_plain(d.turns)} for d in study.dialogues
        ],
    }


def _study_from_plain(row: Plain) -> Study:
    return Study(
        **{
            **row,
            "sources": tuple(row["sources"]),
            "views": tuple(View(**view) for view in row["views"]),
            "texts": dict(row["texts"]),
            "findings": tuple(
                Finding(**{**f, "boxes": tuple(Box(*b) for b in f["boxes"])})
                for f in row["findings"]
            ),
            "regions": tuple(Region(r["name"], r["view"], Box(*r["bbox"])) for r in row["regions"]),
            "dialogues": tuple(
                Dialogue(turns_from_plain(d), d["origin"], d["view"]) for d in row["dialogues"]
            ),
        }
    )


_KINDS: dict[Kind, tuple[pa.Schema, Callable[[Any], dict[str, Any]]]] = {
    "studies": (_STUDIES, _study_to_plain),
    "examples": (_EXAMPLES, example_to_plain),
}
