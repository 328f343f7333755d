"""A table of studies, ``studies.parquet``, as another step wrote it beside its images.

Paths are relative to the table's folder or absolute.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from radvlm.errors import InputError
from radvlm.io.files import confined, read_json
from radvlm.io.tables import read_studies
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import ACCESS_ORDER, Access, Study, View

TABLE, MANIFEST = "studies.parquet", "manifest.json"


class StudiesTable:
    """The studies of a table; a view whose image is gone is quarantined with its study."""

    name = "studies_table"
    family = "any"
    licence = "those of the sources it was made from"
    citation = "those of the sources it was made from."
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.quarantine: list[Quarantined] = []

    @property
    def access(self) -> Access:
        """As the manifest beside the table says; private where there is none."""
        beside = self.root / MANIFEST
        said = read_json(beside).get("access") if beside.is_file() else None
        return said if said in ACCESS_ORDER else "private"

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice, in the table's order.

        Raises:
            TableError: the table is missing or damaged.
        """
        self.quarantine.clear()
        for study in read_studies(self.root / TABLE, part):
            try:
                yield dataclasses.replace(study, views=tuple(map(self._found, study.views)))
            except InputError as error:
                self.quarantine.append(Quarantined(self.name, study.id, error.what))

    def files(self) -> Sequence[SourceFile]:
        """The table."""
        return [SourceFile(TABLE, True, "written by radvlm")]

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def _found(self, view: View) -> View:
        inside = not os.path.isabs(view.path)
        path = confined(self.root, view.path) if inside else Path(view.path)
        if not path.is_file():
            raise InputError("the image is missing")
        return dataclasses.replace(view, path=str(path))
