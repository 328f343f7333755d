"""What every reader of a released data set needs: its tables, its files, its label cells.

In: a root folder as the user has the release on disk. Out: rows of text by column name, paths that
stay below the root, statuses. Tables are read as text throughout, so that no identifier becomes a
number, and are found with or without ``.gz``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from radvlm.errors import InputError, RecordError, TableError
from radvlm.io.files import confined
from radvlm.protocols import Slice
from radvlm.records import Status

Row = dict[str, str]

STATUSES: dict[str, Status | None] = {
    "1.0": "present",
    "1": "present",
    "0.0": "absent",
    "0": "absent",
    "-1.0": "uncertain",
    "-1": "uncertain",
    "": None,
}
"""The cells of the CheXpert labeller's tables; an empty one says nothing (Irvin et al. 2019)."""

_BATCH = 4096


def find_table(root: Path, *names: str) -> Path | None:
    """The first of some files that is there, with or without ``.gz``; none where none is."""
    found = (root / f"{name}{end}" for name in names for end in ("", ".gz"))
    return next((path for path in found if path.is_file()), None)


def need_table(root: Path, *names: str) -> Path:
    """As ``find_table``.

    Raises:
        TableError: none of them is there.
    """
    if path := find_table(root, *names):
        return path
    raise TableError(f"holds no {names[0]}", root, "Check the root, or see `radvlm doctor`")


def read_table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """The named columns of a CSV file as text; optional ones that it lacks are empty.

    A byte-order mark, CRLF and line breaks inside quotes are understood.

    Raises:
        TableError: the file cannot be read, a row has too many or too few cells, or a column is
            missing.
    """
    wanted = [*columns, *optional]
    text = dict.fromkeys(wanted, pa.string())
    try:
        with pa.input_stream(path) as stream:
            table = csv.read_csv(
                stream,
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    include_columns=wanted,
                    include_missing_columns=True,
                    column_types=text,
                    strings_can_be_null=False,
                ),
            )
            stream.close()
    except (OSError, pa.ArrowException) as error:
        raise TableError("the table cannot be read", path, "Get the file anew") from error
    # A column of nulls is how arrow fills in one the file lacks.
    lacking = [name for name in wanted if table[name].null_count and len(table)]
    if missing := sorted(set(lacking) & set(columns)):
        raise TableError(f"column {missing[0]!r} is missing", path, "Check the release's version")
    filled = [pc.fill_null(table[name], "") for name in wanted]
    del table
    pa.default_memory_pool().release_unused()
    return pa.table(dict(zip(wanted, filled, strict=True)))


def of_slice(table: pa.Table, column: str, part: Slice) -> pa.Table:
    """The rows whose cell of ``column`` is in the slice."""
    if part.whole:
        return table
    coded = pc.dictionary_encode(table[column]).combine_chunks()
    inside = pa.array([value in part for value in coded.dictionary.to_pylist()])
    return table.filter(inside.take(coded.indices))


def rows(table: pa.Table, *order: str) -> Iterator[Row]:
    """The rows as dictionaries, sorted by the columns of ``order``, in small batches."""
    if order:
        table = table.sort_by([(name, "ascending") for name in order])
    for batch in table.to_batches(max_chunksize=_BATCH):
        yield from batch.to_pylist()


def status_of(cell: str) -> Status | None:
    """What a label cell says; none where it is empty.

    Raises:
        RecordError: it is none of 1, 0, -1 and empty.
    """
    try:
        return STATUSES[cell.strip()]
    except KeyError:
        raise RecordError("a label cell is none of 1.0, 0.0, -1.0 and empty") from None


class Below:
    """Files below one root, which is resolved once and may itself be a link."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._start = os.path.join(self.root, "")
        self._inside = lru_cache(maxsize=4096)(self._is_inside)

    def file(self, relative: str) -> str:
        """The path of the regular file of that name, as text: a release has half a million.

        Raises:
            InputError: it is missing, or the name or a link leads out of the root.
        """
        path = self._start + relative
        odd = "\0" in relative or ".." in relative or relative.startswith("/")
        if odd or not self._inside(relative.rpartition("/")[0]):
            path = str(confined(self.root, relative))
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                path = str(confined(self.root, relative))
                mode = os.stat(path).st_mode
        except OSError:
            mode = 0
        if not stat.S_ISREG(mode):
            raise InputError("the file is missing")
        return path

    def _is_inside(self, folder: str) -> bool:
        """Whether no step of the way to the folder is a link or leads elsewhere.

        The steps above are remembered, so that each folder costs one look at itself.
        """
        if not folder:
            return True
        above, _, name = folder.rpartition("/")
        if os.path.isabs(folder) or not name or not self._inside(above):
            return False
        try:
            return stat.S_ISDIR(os.lstat(self._start + folder).st_mode)
        except OSError:
            return False
