"""The tables of MIMIC-CXR-JPG joined: a row a view, with its split and the labels of its study.

In: tables of text. Out: one table, and (record, reason) of what was left out. Joined cells are
empty where a table has no row, and ``CONTRADICTING`` where it has several that differ, which is for
the reader of that cell to say. All is done by arrow: half a million rows take a second.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from radvlm.errors import RecordError, TableError
from radvlm.records import Finding
from radvlm.sources.release import read_table, rows, status_of
from radvlm.sources.told import CONTRADICTING, DUPLICATED, spelled
from radvlm.vocabulary import CHEXPERT_14

FORMS = {
    "subject_id": r"^[0-9]{8}$",
    "study_id": r"^[0-9]{8}$",
    "dicom_id": r"^[0-9a-f]{8}(-[0-9a-f]{8}){4}$",
}
"""What the identifiers look like; they become parts of paths."""

_SHOWN = 60
_SEPARATOR = "\x1f"

Lost = list[tuple[str, str]]


def well_formed(table: pa.Table) -> tuple[pa.Table, Lost]:
    """The rows whose identifiers can be parts of a path, and the others."""
    formed = pc.match_substring_regex(table["dicom_id"], FORMS["dicom_id"])
    for column in ("subject_id", "study_id"):
        formed = pc.and_(formed, pc.match_substring_regex(table[column], FORMS[column]))
    others = rows(table.filter(pc.invert(formed)))
    reason = "an identifier is not of the release's form"
    return table.filter(formed), [(row["dicom_id"][:_SHOWN], reason) for row in others]


def join(table: pa.Table, other: pa.Table) -> tuple[pa.Table, Lost]:
    """The rows with the second column of another table, whose first is the key of both.

    Returns:
        The table with the column, and the keys whose row comes twice.
    """
    key, column = other.column_names
    other = other.filter(pc.is_in(other[key], value_set=table[key]))
    told = other.group_by(key).aggregate([(column, how) for how in ("min", "max", "count")])
    least, most, count = (told[f"{column}_{how}"] for how in ("min", "max", "count"))
    agree = pc.equal(least, most)
    twice = rows(told.filter(pc.and_(agree, pc.greater(count, 1))))
    mark = "s" if key == "study_id" else ""
    lost = [(f"{mark}{row[key]}", DUPLICATED) for row in twice]
    said = pc.if_else(agree, least, CONTRADICTING)
    at = pc.index_in(table[key], value_set=told[key])
    return table.append_column(column, pc.fill_null(said.take(at), "")), lost


def label_cells(path: Path, origin: str) -> pa.Table:
    """Columns ``study_id`` and the origin's: the cells of the 14 labels as one text.

    The headers of the radiologists' table are written in several ways; what MIMIC-CXR's own code
    calls Airspace Opacity is Lung Opacity.

    Raises:
        TableError: the table cannot be read or lacks the labels.
    """
    columns = {name: name for name in CHEXPERT_14}
    if origin == "radiologist":
        columns = _spelled_columns(path)
    table = read_table(path, ("study_id", *columns.values()))
    empty = pa.scalar("")
    cells = [table[columns[name]] if name in columns else empty for name in CHEXPERT_14]
    studies = pc.utf8_ltrim(table["study_id"], characters="s")
    return pa.table({"study_id": studies, origin: pc.binary_join_element_wise(*cells, _SEPARATOR)})


def said_by(cells: str, origin: str) -> list[Finding]:
    """What the cells of the 14 labels say.

    Raises:
        RecordError: the rows contradict each other, or a cell is none of 1, 0, -1 and empty.
    """
    apart = agreed(cells).split(_SEPARATOR)
    if len(apart) != len(CHEXPERT_14):
        raise RecordError("a label cell holds a control character")
    told = zip(CHEXPERT_14, apart, strict=True)
    return [found for name, cell in told if cell and (found := _finding(name, cell, origin))]


def agreed(cell: str) -> str:
    """The cell.

    Raises:
        RecordError: rows that contradict each other were joined.
    """
    if cell == CONTRADICTING:
        raise RecordError(CONTRADICTING)
    return cell


@cache
def _finding(name: str, cell: str, origin: str) -> Finding | None:
    """One for all studies it is said of: millions need not be made or held."""
    status = status_of(cell)
    return Finding(name, status, origin) if status else None


def _spelled_columns(path: Path) -> dict[str, str]:
    """Label → the header of its column."""
    try:
        with pa.input_stream(path) as stream, csv.open_csv(stream) as table:
            header = list(table.schema.names)
    except (OSError, pa.ArrowException) as error:
        raise TableError("the table cannot be read", path, "Get the file anew") from error
    columns = {spelled(name.replace("_", " ")): name for name in header}
    if other := next((v for k, v in columns.items() if k.lower() == "airspace opacity"), None):
        columns.setdefault("Lung Opacity", other)
    found = {name: columns[name] for name in CHEXPERT_14 if name in columns}
    if not found:
        raise TableError("holds none of the 14 labels", path, "Check the release's version")
    return found
