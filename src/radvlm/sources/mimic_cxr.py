"""MIMIC-CXR-JPG 2.x: views, official split and labels, from the release as PhysioNet ships it.

In: ``mimic-cxr-2.0.0-{metadata,split,chexpert,negbio}.csv[.gz]``, the radiologists' labels of the
test set, and images below ``files/`` (JPEG, or DICOM of the same name). Out: one ``Study`` a
study with all its views; labels are of the study, not of a view. Reports are another release,
``mimic_cxr_reports``. Sizes are those of the metadata, whatever an image was resized to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa

from radvlm.errors import InputError, RecipeError, RecordError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Finding, Projection, Split, Study, View
from radvlm.sources.mimic_tables import FORMS, agreed, join, label_cells, said_by, well_formed
from radvlm.sources.release import Below, Row, need_table, of_slice, read_table, rows
from radvlm.sources.told import told_once

Labels = Literal["chexpert", "negbio", "radiologist"]
EmptyPosition = Literal["unknown", "from_code"]

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

_ABOUT = ("ViewPosition", "Rows", "Columns")
_OPTIONAL = ("StudyDate", "StudyTime", "ViewCodeSequence_CodeMeaning")


class MimicCxrSource:
    """MIMIC-CXR-JPG.

    Args:
        root: the folder of the release.
        labels: whose labels to give, each with its name as origin.
        empty_view_position: what an empty ``ViewPosition`` (some 15,800 views) means: ``unknown``,
            as in the published counts, or what the view code says (``from_code``).

    Raises:
        RecipeError: an option has no such value.
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
        empty_view_position: EmptyPosition = "unknown",
    ) -> None:
        for origin in labels:
            _check("labels", origin, get_args(Labels))
        _check("empty_view_position", empty_view_position, get_args(EmptyPosition))
        self.root = Path(root)
        self.labels = tuple(dict.fromkeys(labels))
        self.from_code = empty_view_position == "from_code"
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """The tables that are read, and the images."""
        where = "physionet.org/content/mimic-cxr-jpg, credentialed access and its agreement"
        wanted = [TABLES[name] for name in ("metadata", "split", *self.labels)]
        return [SourceFile(path, True, where) for path in (*wanted, "files")]

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
        ordered = rows(self._rows(part), "subject_id", "study_id", "dicom_id")
        for _, group in groupby(ordered, key=itemgetter("subject_id")):
            of_patient, repeated = told_once(group, itemgetter("dicom_id"))
            for name, reason in repeated:
                self._lose(name, reason)
            prior = _priors(of_patient)
            for study, views in groupby(of_patient, key=itemgetter("study_id")):
                if made := self._study(below, list(views), prior.get(study)):
                    yield made

    def _rows(self, part: Slice) -> pa.Table:
        """The metadata with the split and the labels, one column for each origin."""
        table = read_table(self._path("metadata"), (*FORMS, *_ABOUT), _OPTIONAL)
        table, lost = well_formed(of_slice(table, "subject_id", part))
        joined = {"split": read_table(self._path("split"), ("dicom_id", "split"))}
        joined |= {origin: label_cells(self._path(origin), origin) for origin in self.labels}
        for name, other in joined.items():
            table, repeated = join(table, other)
            lost += [(where, f"{reason} in {TABLES[name]}") for where, reason in repeated]
        for where, reason in lost:
            self._lose(where, reason)
        return table

    def _path(self, name: str) -> Path:
        return need_table(self.root, TABLES[name])

    def _study(self, below: Below, of_study: Sequence[Row], prior: str | None) -> Study | None:
        """The study of some rows; none where none of its views can be used."""
        first = of_study[0]
        views, splits = [], set()
        for row in of_study:
            try:
                split = _split(row["split"])
                views.append(self._view(below, row))
                splits.add(split)
            except InputError as error:
                self._lose(row["dicom_id"], error.what)
        if len(splits) > 1:
            self._lose(f"s{first['study_id']}", "its views are in different splits")
        if len(splits) != 1:
            return None
        return Study(
            family=self.family,
            sources=(self.name,),
            id=first["study_id"],
            patient=first["subject_id"],
            split=splits.pop(),
            access=self.access,
            views=tuple(views),
            findings=tuple(self._findings(first)),
            prior=prior,
        )

    def _view(self, below: Below, row: Row) -> View:
        subject, study, name = row["subject_id"], row["study_id"], row["dicom_id"]
        stem = f"files/p{subject[:2]}/p{subject}/s{study}/{name}"
        try:
            width, height = int(row["Columns"]), int(row["Rows"])
        except ValueError:
            width = height = 0
        if min(width, height) < 1:
            raise RecordError("Rows or Columns is no size")
        return View(name, _image(below, stem), self._projection(row), width, height)

    def _projection(self, row: Row) -> Projection:
        said = row["ViewPosition"].strip().upper()
        if said:
            return PROJECTIONS.get(said, "OTHER")
        code = row["ViewCodeSequence_CodeMeaning"].strip().lower()
        return CODES.get(code, "UNKNOWN") if self.from_code else "UNKNOWN"

    def _findings(self, row: Row) -> Iterator[Finding]:
        """What each origin says of the study; labels that cannot be read are left out."""
        for origin in self.labels:
            if row[origin]:
                try:
                    yield from said_by(row[origin], origin)
                except RecordError as error:
                    self._lose(f"s{row['study_id']}", f"{origin} labels: {error.what}")

    def _lose(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def _check(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        remedy = f"Known: {', '.join(known)}"
        raise RecipeError(f"{option} cannot be {value!r}", "source mimic_cxr", remedy)


def _image(below: Below, stem: str) -> str:
    """The JPEG, or the DICOM where that is not to be had."""
    try:
        return below.file(f"{stem}.jpg")
    except InputError as error:
        try:
            return below.file(f"{stem}.dcm")
        except InputError:
            raise error from None


def _split(cell: str) -> Split:
    if not cell:
        raise RecordError("no row in the split table")
    if agreed(cell) not in SPLITS:
        raise RecordError("the split is none of train, validate, test")
    return SPLITS[cell]


def _priors(of_patient: Sequence[Row]) -> dict[str, str]:
    """Study → the one before it; a study without a date is before and after none."""
    moments: dict[str, tuple[float, float]] = {}
    for row in of_patient:
        try:
            # Numbers, because leading zeros of the time are lost on disk.
            moment = float(row["StudyDate"]), float(row["StudyTime"])
        except ValueError:
            continue
        if all(map(math.isfinite, moment)):
            moments[row["study_id"]] = min(moment, moments.get(row["study_id"], moment))
    order = sorted(moments, key=lambda study: (moments[study], study))
    return dict(zip(order[1:], order, strict=False))
