"""A simulated cohort on disk, read into studies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from radvlm.errors import InputError
from radvlm.io.files import confined
from radvlm.io.tables import read_studies
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Study, View
from radvlm.sources.phantom.cohort import TABLE, make_cohort
from radvlm.sources.phantom.plan import PhantomConfig
from radvlm.sources.phantom.study import FAMILY

__all__ = ["PhantomConfig", "PhantomSource", "make_cohort"]


class PhantomSource:
    """The folder ``make_cohort`` wrote; a study whose image is missing is quarantined."""

    name = "phantom"
    family = FAMILY
    access: Access = "open"
    licence = "CC0-1.0"
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    citation = "Simulated by radvlm.sources.phantom; shows no person"

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.quarantine: list[Quarantined] = []

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice in the order of patients, its paths below the root.

        Raises:
            TableError: the table is missing or damaged.
        """
        self.quarantine.clear()
        for study in read_studies(self.root / TABLE, part):
            try:
                views = tuple(map(self._found, study.views))
            except InputError as error:
                self.quarantine.append(Quarantined(self.name, study.id, error.what))
                continue
            yield dataclasses.replace(study, views=views)

    def files(self) -> Sequence[SourceFile]:
        """The table and the folder of images."""
        return (
            SourceFile(TABLE, True, "written by make_cohort (radvlm phantom)"),
            SourceFile("images", True, "written by make_cohort (radvlm phantom)"),
        )

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def _found(self, view: View) -> View:
        path = confined(self.root, view.path)
        if not path.is_file():
            raise InputError(f"image {view.path!r} is missing", self.root)
        return dataclasses.replace(view, path=str(path))
