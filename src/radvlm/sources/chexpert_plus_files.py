"""The files of CheXpert Plus: its table of reports, and CheXbert's labels line by line.

The table is half a gigabyte, in the order of no key, and repeats a report on the row of each image
of its study. So it is streamed, and the wanted columns of a row are held compressed until its turn
comes: together some 40 % of the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from radvlm.errors import RecordError, TableError
from radvlm.protocols import Slice
from radvlm.records import Finding
from radvlm.sources.chexpert_rows import NAMED, SEPARATOR, findings_of, taken_apart
from radvlm.sources.release import Row, of_slice
from radvlm.vocabulary import CHEXPERT_14

SECTIONS = {
    "findings": "section_findings",
    "impression": "section_impression",
    "end_of_impression": "section_end_of_impression",
    "comparison": "section_comparison",
    "indication": "section_clinical_history",
    "history": "section_history",
    "report": "report",
}
"""The texts of a study, and the columns they are in."""

_NEEDED = ("path_to_image", "section_findings", "section_impression")
_ABOUT = ("ap_pa", "age", "sex", "split")
_PATH = re.compile(NAMED)
_CODEC = pa.Codec("lz4_raw")
_BLOCK = 1 << 20
"""Bytes read at a time; a row has some thousand, and no more than this."""

_MAX_LINE = 1 << 20

Packed = tuple[str, str, int, bytes]
"""Patient and study of a row, its size in bytes, and the row as compressed JSON."""


def packed_rows(path: Path, part: Slice) -> list[Packed]:
    """The rows of the slice, by patient and study.

    Raises:
        TableError: the table cannot be read or lacks a column.
    """
    held = []
    for table in _streamed(path):
        named = taken_apart(table.rename_columns(["path", *table.column_names[1:]]))
        for row in of_slice(named, "patient", part).to_pylist():
            text = orjson.dumps(row)
            held.append((row["patient"], row["study"], len(text), _CODEC.compress(text, True)))
    held.sort(key=itemgetter(0, 1))
    return held


def unpacked(packed: Packed) -> Row:
    """A row as it was: the table's columns, and those of ``taken_apart``."""
    row: Row = orjson.loads(_CODEC.decompress(packed[3], packed[2], True))
    return row


def _streamed(path: Path) -> Iterator[pa.Table]:
    """The wanted columns of the table as text, some rows at a time; a lacking one is empty.

    Raises:
        TableError: the file cannot be read or lacks a column.
    """
    wanted = list(dict.fromkeys([*_NEEDED, *_ABOUT, *SECTIONS.values()]))
    try:
        with (
            pa.input_stream(path) as stream,
            csv.open_csv(
                stream,
                csv.ReadOptions(use_threads=False, block_size=_BLOCK),
                csv.ParseOptions(newlines_in_values=True),
                csv.ConvertOptions(
                    include_columns=wanted,
                    include_missing_columns=True,
                    column_types=dict.fromkeys(wanted, pa.string()),
                    strings_can_be_null=False,
                ),
            ) as reader,
        ):
            for batch in reader:
                table = pa.Table.from_batches([batch])
                lacking = [name for name in _NEEDED if table[name].null_count]
                if lacking:
                    raise TableError(f"column {lacking[0]!r} is missing", path, "Get it anew")
                filled = [pc.fill_null(column, "") for column in table.columns]
                yield pa.table(dict(zip(wanted, filled, strict=True)))
    except (OSError, pa.ArrowException) as error:
        raise TableError("the table cannot be read", path, "Get the file anew") from error


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, with or without ``.gz``.

    Raises:
        TableError: it cannot be read.
    """
    try:
        with pa.input_stream(path) as stream, io.BufferedReader(stream) as lines:
            yield from iter(lambda: lines.readline(_MAX_LINE), b"")
    except (OSError, pa.ArrowException) as error:
        raise TableError("the labels cannot be read", path, "Get the file anew") from error


def labels_of(line: bytes, part: Slice) -> tuple[str, tuple[Finding, ...]]:
    """Study and findings of a line; the study is empty where it is not of the slice.

    Raises:
        RecordError: it is no line of the release.
    """
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        said = None
    named = _PATH.match(str(said.get("path_to_image"))) if isinstance(said, dict) else None
    if named is None:
        raise RecordError("the line is no record of an image")
    if named["patient"] not in part:
        return "", ()
    cells = ("" if said.get(name) is None else str(said[name]) for name in CHEXPERT_14)
    return named["study"], findings_of(SEPARATOR.join(cells), "chexbert")
