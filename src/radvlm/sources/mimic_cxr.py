"""MIMIC-CXR-JPG 2.x: views, official split and labels, from the release as PhysioNet ships it.

In: ``mimic-cxr-2.0.0-{metadata,split,chexpert,negbio}.csv[.gz]``, the radiologists' labels of the
test set, and images below ``files/`` (JPEG, or DICOM of the same name). Out: one ``Study`` a
study with all its views; labels are of the study, not of a view. Reports are another release,
``mimic_cxr_reports``. Sizes are those of the metadata, whatever an image was resized to.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

from radvlm.errors import InputError, RecipeError, RecordError, TableError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Finding, Projection, Split, Study, View
from radvlm.sources.release import Below, Row, need_table, of_slice, read_table, rows, status_of
from radvlm.vocabulary import CHEXPERT_14

Labels = Literal["chexpert", "negbio", "radiologist"]

TABLES: dict[str, str] = {
    "metadata": "mimic-cxr-2.0.0-metadata.csv",
    "split": "mimic-cxr-2.0.0-split.csv",
    "chexpert": "mimic-cxr-2.0.0-chexpert.csv",
    "negbio": "mimic-cxr-2.0.0-negbio.csv",
    "radiologist": "mimic-cxr-2.1.0-test-set-labeled.csv",
}
PROJECTIONS: dict[str, Projection] = {
    "PA": "PA",
    "AP": "AP",
    "LATERAL": "LATERAL",
    "LL": "LATERAL",
    "RL": "LATERAL",
    "XTABLE LATERAL": "LATERAL",
}
CODES: dict[str, Projection] = {
    "postero-anterior": "PA",
    "antero-posterior": "AP",
    "lateral": "LATERAL",
    "left lateral": "LATERAL",
}
SPLITS: dict[str, Split] = {"train": "train", "validate": "validate", "test": "test"}

_COLUMNS = ("dicom_id", "subject_id", "study_id", "ViewPosition", "Rows", "Columns")
_OPTIONAL = ("StudyDate", "StudyTime", "ViewCodeSequence_CodeMeaning")
_NUMBER = re.compile(r"[0-9]{8}")
_DICOM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}")


class MimicCxrSource:
    """MIMIC-CXR-JPG.

    Args:
        root: the folder of the release.
        labels: whose labels to give, each with its name as origin.
        empty_view_position: what an empty ``ViewPosition`` (some 15,800 views) means: ``unknown``,
            as in the published counts, or what the view code says (``from_code``).
    """

    name = "mimic_cxr"
    family = "mimic"
    access: Access = "credentialed"
    licence = "PhysioNet Credentialed Health Data License 1.5.0"
    citation = "Johnson et al. 2019, MIMIC-CXR-JPG - chest radiographs with structured labels."
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(
        self,
        root: str | Path,
        labels: Sequence[Labels] = ("chexpert",),
        empty_view_position: Literal["unknown", "from_code"] = "unknown",
    ) -> None:
        if unknown := sorted(set(labels) - set(get_args(Labels))):
            known = ", ".join(get_args(Labels))
            raise RecipeError(f"no labels called {unknown[0]!r}", "mimic_cxr", f"Known: {known}")
        self.root = Path(root)
        self.labels = tuple(labels)
        self.from_code = empty_view_position == "from_code"
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """The tables that are read, and the images."""
        where = "physionet.org/content/mimic-cxr-jpg, credentialed access and its agreement"
        wanted = ("metadata", "split", *self.labels)
        return [*(SourceFile(TABLES[n], True, where) for n in wanted), _images(where)]

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice with a usable view.

        Raises:
            TableError: a table is missing or damaged.
        """
        self.quarantine.clear()
        below = Below(self.root)
        splits = self._splits(part)
        labels = {origin: self._labels(origin, part) for origin in self.labels}
        views = of_slice(self._table("metadata", _COLUMNS, _OPTIONAL), "subject_id", part)
        ordered = rows(views, "subject_id", "study_id", "dicom_id")
        for subject, of_patient in groupby(ordered, key=lambda row: row["subject_id"]):
            kept = self._usable(of_patient)
            prior = _priors(kept)
            for study, group in groupby(kept, key=lambda row: row["study_id"]):
                found = list(self._views(below, group, splits))
                made = self._study(subject, study, found, labels, prior)
                if made is not None:
                    yield made

    def _table(self, name: str, columns: Sequence[str], optional: Sequence[str] = ()) -> Any:
        return read_table(need_table(self.root, TABLES[name]), columns, optional)

    def _splits(self, part: Slice) -> dict[str, str]:
        table = self._table("split", ("dicom_id", "subject_id", "split"))
        return {row["dicom_id"]: row["split"] for row in rows(of_slice(table, "subject_id", part))}

    def _labels(self, origin: Labels, part: Slice) -> dict[str, Row]:
        """Study → its row; the radiologists' table has no patients, so it is read whole."""
        if origin == "radiologist":
            return _radiologists(need_table(self.root, TABLES[origin]))
        table = self._table(origin, ("subject_id", "study_id", *CHEXPERT_14))
        found: dict[str, Row] = {}
        for row in rows(of_slice(table, "subject_id", part)):
            if row["study_id"] in found:
                self._lose(f"s{row['study_id']}", "duplicated row of labels")
            else:
                found[row["study_id"]] = row
        return found

    def _usable(self, of_patient: Iterable[Row]) -> list[Row]:
        """The rows of a patient without duplicates, contradictions and hostile identifiers."""
        seen: dict[str, Row] = {}
        contradicting = set()
        for row in of_patient:
            name = row["dicom_id"]
            if not _well_formed(row):
                self._lose(name[:60], "an identifier is not of the release's form")
            elif seen.setdefault(name, row) is not row:
                same = seen[name] == row
                self._lose(name, "duplicated row" if same else "contradicting rows")
                contradicting |= set() if same else {name}
        return [row for name, row in seen.items() if name not in contradicting]

    def _views(
        self, below: Below, group: Iterable[Row], splits: Mapping[str, str]
    ) -> Iterator[tuple[View, str]]:
        """Each usable view with its split's name."""
        for row in group:
            name = row["dicom_id"]
            try:
                view = self._view(below, row)
                split = splits[name]
                if split not in SPLITS:
                    raise RecordError("the split is none of train, validate, test")
            except KeyError:
                self._lose(name, "no row in the split table")
            except InputError as error:
                self._lose(name, error.what)
            else:
                yield view, split

    def _view(self, below: Below, row: Row) -> View:
        subject, study, name = row["subject_id"], row["study_id"], row["dicom_id"]
        stem = f"files/p{subject[:2]}/p{subject}/s{study}/{name}"
        try:
            path = below.file(f"{stem}.jpg")
        except InputError:
            path = below.file(f"{stem}.dcm")
        try:
            width, height = int(row["Columns"]), int(row["Rows"])
        except ValueError:
            raise RecordError("Rows or Columns is no number") from None
        return View(name, str(path), self._projection(row), width, height)

    def _projection(self, row: Row) -> Projection:
        said = row["ViewPosition"].strip().upper()
        if said:
            return PROJECTIONS.get(said, "OTHER")
        code = row["ViewCodeSequence_CodeMeaning"].strip().lower()
        return CODES.get(code, "UNKNOWN") if self.from_code else "UNKNOWN"

    def _study(
        self,
        subject: str,
        study: str,
        found: Sequence[tuple[View, str]],
        labels: Mapping[Labels, Mapping[str, Row]],
        prior: Mapping[str, str],
    ) -> Study | None:
        if not found:
            return None
        if len({split for _, split in found}) > 1:
            self._lose(f"s{study}", "its views are in different splits")
            return None
        try:
            findings = tuple(_findings(study, labels))
        except RecordError as error:
            self._lose(f"s{study}", error.what)
            return None
        return Study(
            family=self.family,
            sources=(self.name,),
            id=study,
            patient=subject,
            split=SPLITS[found[0][1]],
            access=self.access,
            views=tuple(view for view, _ in found),
            findings=findings,
            prior=prior.get(study),
        )

    def _lose(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def _images(where: str) -> SourceFile:
    return SourceFile("files", True, where)


def _well_formed(row: Row) -> bool:
    numbers = (row["subject_id"], row["study_id"])
    return all(map(_NUMBER.fullmatch, numbers)) and bool(_DICOM.fullmatch(row["dicom_id"]))


def _priors(of_patient: Sequence[Row]) -> dict[str, str]:
    """Study → the one before it, by date and time; leading zeros of the time are lost on disk."""
    moments: dict[str, tuple[float, float]] = {}
    for row in of_patient:
        try:
            moments[row["study_id"]] = float(row["StudyDate"]), float(row["StudyTime"])
        except ValueError:
            return {}
    order = sorted(moments, key=lambda study: (moments[study], study))
    return dict(zip(order[1:], order, strict=False))


def _findings(study: str, labels: Mapping[Labels, Mapping[str, Row]]) -> Iterator[Finding]:
    for origin, table in labels.items():
        row = table.get(study, {})
        for name in CHEXPERT_14:
            if status := status_of(row.get(name, "")):
                yield Finding(name, status, origin)


def _radiologists(path: Path) -> dict[str, Row]:
    """The test set's labels; their headers are written in several ways."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    spelled = {" ".join(name.replace("_", " ").lower().split()): name for name in header}
    names = {name: spelled[name.lower()] for name in CHEXPERT_14 if name.lower() in spelled}
    if not names:
        raise TableError("holds none of the 14 labels", path, "Check the release's version")
    table = read_table(path, ("study_id", *names.values()))
    return {
        row["study_id"].lstrip("s"): {name: row[column] for name, column in names.items()}
        for row in rows(table)
    }
