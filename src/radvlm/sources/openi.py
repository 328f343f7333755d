"""Indiana University's chest X-ray collection of Open-i (Demner-Fushman et al. 2016).

The root holds one of two forms of the same 3,955 reports and 7,470 images:

- as the National Library of Medicine gives it: ``NLMCXR_reports.tgz`` or ``ecgen-radiology/*.xml``,
  and ``NLMCXR_png/*.png``. It says the projection of hardly any image; with the other form's
  ``indiana_projections.csv`` beside it, that table does;
- its twin on Kaggle: ``indiana_reports.csv``, ``indiana_projections.csv`` and
  ``images/images_normalized/*.png``.

A report is one study of one patient (``patient`` is its number): the release does not tell which
reports are of the same person. It has no split. MeSH terms are ``texts["mesh"]`` (by hand) and
``texts["mesh_automatic"]``, joined by semicolons as in the Kaggle table. A report without any
image in the release gives a study without views.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from radvlm.errors import InputError, RecordError, TableError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Projection, Study, View
from radvlm.sources.openi_xml import (
    ARCHIVE,
    Report,
    even,
    find_reports,
    parse_report,
    report_files,
)
from radvlm.sources.release import Below, Row, find_table, need_table, of_slice, read_table, rows

REPORTS, PROJECTIONS = "indiana_reports.csv", "indiana_projections.csv"
IMAGES_NLM, IMAGES_KAGGLE = ("NLMCXR_png", "images", "."), ("images/images_normalized", "images")

_SAID: dict[str, Projection] = {"Frontal": "FRONTAL", "Lateral": "LATERAL"}
_SECTIONS = {
    "mesh": "MeSH",
    "indication": "indication",
    "comparison": "comparison",
    "findings": "findings",
    "impression": "impression",
}
_OPTIONAL = ("MeSH", "indication", "comparison")
_NUMBER = re.compile(r"\d+")
_IMAGE = re.compile(r"IM-\d+(?:-\d+)*")
_WHERE = "Open-i, National Library of Medicine; free, CC BY-NC-ND 4.0"


class OpenI:
    """The reports with their images; without ``images``, views have no path.

    What cannot be used goes to ``quarantine`` under the number of its report, or the name of its
    image.
    """

    name = "openi"
    family = "openi"
    access: Access = "open"
    licence = "CC BY-NC-ND 4.0"
    citation = (
        "Demner-Fushman et al. 2016, Preparing a collection of radiology examinations for "
        "distribution and retrieval (JAMIA 23)"
    )
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: str | Path, images: bool = True) -> None:
        self.root = Path(root)
        self.images = images
        self.quarantine: list[Quarantined] = []

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every report of the slice, ascending by its number as text.

        Raises:
            TableError: neither form is there, or a table or the archive cannot be read.
        """
        self.quarantine.clear()
        path = find_reports(self.root)
        reports = self._from_xml(path, part) if path else self._from_tables(part)
        below = Below(_first_folder(self.root, IMAGES_NLM if path else IMAGES_KAGGLE))
        for number, report in reports:
            views = tuple(self._views(number, report, below, ".png" if path else ""))
            if report.images and not views:
                self._lose(f"CXR{number}", "no image of the study can be used")
                continue
            yield Study(
                family=self.family,
                sources=(self.name,),
                id=f"CXR{number}",
                patient=number,
                split=None,
                access=self.access,
                views=views,
                texts=report.texts,
            )

    def files(self) -> Sequence[SourceFile]:
        """The files of the form that is there, or of the library's own."""
        found = find_reports(self.root)
        if found or not find_table(self.root, REPORTS):
            reports = str(found.relative_to(self.root)) if found else ARCHIVE
            images = _first_folder(self.root, IMAGES_NLM).relative_to(self.root)
            return (
                SourceFile(reports, True, f"{_WHERE}; packed or unpacked"),
                SourceFile(str(images), self.images, _WHERE),
                SourceFile(PROJECTIONS, False, "the twin on Kaggle; says which image is frontal"),
            )
        images = _first_folder(self.root, IMAGES_KAGGLE).relative_to(self.root)
        return (
            SourceFile(REPORTS, True, "Kaggle, chest-xrays-indiana-university; CC BY-NC-ND 4.0"),
            SourceFile(PROJECTIONS, True, "as the reports"),
            SourceFile(str(images), self.images, "as the reports"),
        )

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def _from_xml(self, path: Path, part: Slice) -> Iterator[tuple[str, Report]]:
        projections = self._projections(part)
        for number, read in sorted(report_files(path).items()):
            if number not in part:
                continue
            try:
                if not _NUMBER.fullmatch(number):
                    raise RecordError("the file's name is no number")
                report = parse_report(number, read())
            except InputError as error:
                self._lose(f"CXR{number}", error.what)
                continue
            said = projections.get(number, {})
            images = ((name, said.get(_tail(name), told)) for name, told in report.images)
            yield number, Report(report.texts, tuple(images))

    def _projections(self, part: Slice) -> dict[str, dict[str, Projection]]:
        """What the table beside the XML says of each report's images, by their ``IM-…``."""
        path = find_table(self.root, PROJECTIONS)
        found = self._images(path, part) if path else {}
        return {number: {_tail(n): said for n, said in rest} for number, rest in found.items()}

    def _from_tables(self, part: Slice) -> Iterator[tuple[str, Report]]:
        path = find_table(self.root, REPORTS)
        if path is None:
            remedy = "Check the root, or see `radvlm doctor`"
            raise TableError(f"holds neither {ARCHIVE} nor {REPORTS}", self.root, remedy)
        table = read_table(path, ["uid", "findings", "impression"], _OPTIONAL)
        once = self._once(of_slice(table, "uid", part), "uid")
        said = {uid: _texts(row) for (uid,), row in once}
        images = self._images(need_table(self.root, PROJECTIONS), part)
        for number in sorted({*said, *images}):
            yield number, Report(said.get(number, {}), tuple(images.get(number, ())))

    def _images(self, path: Path, part: Slice) -> dict[str, list[tuple[str, Projection]]]:
        table = of_slice(read_table(path, ["uid", "filename", "projection"]), "uid", part)
        found: dict[str, list[tuple[str, Projection]]] = {}
        for (number, file), row in self._once(table, "uid", "filename"):
            said = _SAID.get(row["projection"], "UNKNOWN")
            found.setdefault(number, []).append((file, said))
        return found

    def _once(self, table: pa.Table, *key: str) -> Iterator[tuple[tuple[str, ...], Row]]:
        """The rows in the order of the key; those told twice are quarantined."""
        for name, same in groupby(rows(table, *key), key=lambda row: tuple(row[k] for k in key)):
            first, *others = same
            where = f"CXR{name[0]}" if len(name) == 1 else name[1]
            for other in others:
                again = "duplicated row" if other == first else "rows that contradict each other"
                self._lose(where, again)
            if all(other == first for other in others):
                yield name, first

    def _views(self, number: str, report: Report, below: Below, ending: str) -> Iterator[View]:
        seen = set()
        for name, projection in report.images:
            tail = _tail(name)
            try:
                if not tail:
                    raise RecordError("the image's name is none of the release's")
                if tail in seen:
                    raise RecordError("the image is listed twice")
                seen.add(tail)
                path = below.file(name + ending) if self.images else ""
            except InputError as error:
                self._lose(name, error.what)
                continue
            yield View(f"CXR{number}_{tail}", path, projection)

    def _lose(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def _texts(row: Row) -> dict[str, str]:
    texts = {section: even(row[column]) for section, column in _SECTIONS.items()}
    return {section: text for section, text in texts.items() if text}


def _tail(name: str) -> str:
    """``IM-0001-3001``, which an image is called in both forms; empty where it has no such part."""
    found = _IMAGE.search(name)
    return found[0] if found else ""


def _first_folder(root: Path, names: Sequence[str]) -> Path:
    return next((root / name for name in names if (root / name).is_dir()), root / names[0])
