"""Labels of a user's own scheme → findings under the field's names, by a reviewed table.

The table is a CSV with the columns ``scheme,label,name,status,comment``. A label may have several
rows (it says several things); ``status`` is present, absent, uncertain or ignore.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from radvlm.errors import TableError
from radvlm.records import Status

IGNORE = "ignore"
Said = tuple[str, Status]
"""A name and what a label says of it."""


class LabelTable:
    """What each label of each scheme means.

    Raises:
        TableError: the file lacks a column or holds an unknown status.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[tuple[str, str], list[Said]] = {}
        for number, row in enumerate(_rows(path), 2):
            status = row["status"].strip()
            if status not in (*get_args(Status), IGNORE):
                raise TableError(f"line {number}: unknown status {status!r}", path, "Correct it")
            said = self._rows.setdefault((row["scheme"], row["label"]), [])
            if status != IGNORE:
                said.append((row["name"].strip(), cast(Status, status)))

    def meaning(self, scheme: str, label: str) -> list[Said]:
        """What the label says, nothing where it is ignored.

        Raises:
            TableError: the label is outside the table's vocabulary.
        """
        try:
            return self._rows[scheme, label]
        except KeyError:
            raise TableError("a label is outside the declared vocabulary", self.path) from None


def statuses(
    labels: Sequence[str], scheme: str, table: LabelTable | None, closed: Sequence[str]
) -> dict[str, Status]:
    """Name → status of one image's labels; nothing at all for an image without labels.

    Without a table labels are names that are present. Names of ``closed`` that no label speaks of
    are absent.
    """
    found: dict[str, Status] = {}
    for label in labels:
        said: list[Said] = table.meaning(scheme, label) if table else [(label, "present")]
        for name, status in said:
            if found.get(name) != "present":
                found[name] = status
    if labels:
        for name in closed:
            found.setdefault(name, "absent")
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"scheme", "label", "name", "status"} - set(reader.fieldnames or ())
            if missing:
                raise TableError(f"column {min(missing)!r} is missing", path, "Add it")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError("the label table cannot be read", path, "Check the path") from error
