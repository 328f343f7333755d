"""The simulated cohort as MIMIC-CXR-JPG 2.1.0 is on disk: tables, and JPEG below ``files/``.

The metadata state eight times the size of the images, as if they had been made smaller. They are
zipped, and CheXpert's labels begin with a byte-order mark and have CRLF; NegBio's are the same, and
radiologists' those of the test set. Subjects from 10900001 on are traps.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Study, View
from radvlm.sources.phantom.releases.ids import (
    mimic_dicom,
    mimic_study,
    mimic_subject,
    numbers,
)
from radvlm.vocabulary import CHEXPERT_14

SCALE = 8
HEADER = (
    "dicom_id",
    "subject_id",
    "study_id",
    "PerformedProcedureStepDescription",
    "ViewPosition",
    "Rows",
    "Columns",
    "StudyDate",
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)
CODES = {"PA": "postero-anterior", "AP": "antero-posterior", "LATERAL": "lateral"}
CELLS = {"present": "1.0", "absent": "0.0", "uncertain": "-1.0"}
TRAPS: dict[str, dict[str, str]] = {
    "missing_image": {},
    "corrupt_size": {"Rows": "many"},
    "contradicting_rows": {},
    "no_split": {},
    "contradicting_split": {},
    "escaping_path": {"study_id": "../../../outside"},
}
"""Each in a study of its own, with what its row says otherwise; none can be read."""

LABEL_TRAPS = (
    "duplicated_labels",
    "uncertain_edema_blank_fracture",
    "no_labels",
    "bad_label",
    "contradicting_labels",
)
"""What is done to the rows of labels, from the first on."""

MORE_VIEWS: dict[str, dict[str, str]] = {
    "second_frontal": {},
    "empty_view_position": {"ViewPosition": ""},
    "corrupt_image": {},
}
"""Other frontal views of the first study; the file of the last cannot be decoded."""

_SUBJECT, _STUDY = 10_900_001, 59_000_001

Cells = dict[str, str]
Planted = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Tables:
    """Rows of the metadata, of the split and of the labels."""

    metadata: list[Cells]
    splits: list[Cells]
    labels: list[Cells]

    def add(self, row: Cells, split: str) -> None:
        """A view, and the split it is in."""
        self.metadata.append(row)
        ids = {name: row[name] for name in ("dicom_id", "study_id", "subject_id")}
        self.splits.append({**ids, "split": split})


def write(cohort: Path, out: Path) -> Planted:
    """Write the release into ``out``; returns what was planted, trap → ids of its records.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(read_studies(cohort / "studies.parquet"))
    tables = Tables([], [], [_labels(study) for study in studies])
    with atomic_folder(out) as aside:
        for study in studies:
            for view in study.views:
                row = _row(study, view, mimic_dicom(view.id))
                tables.add(row, str(study.split))
                _save(cohort / view.path, aside, row)
        planted = _plant_frontals(cohort, aside, studies[0], tables)
        planted |= _plant_labels(tables.labels)
        _plant_views(aside, tables, cohort / studies[0].views[0].path, planted)
        _write_tables(aside, tables, {mimic_study(s.id) for s in studies if s.split == "test"})
    return planted


def _row(study: Study, view: View, dicom: str) -> Cells:
    """A view's row of the metadata."""
    patient, number, _ = numbers(study.id)
    return dict.fromkeys(HEADER, "") | {
        "dicom_id": dicom,
        "subject_id": mimic_subject(study.id),
        "study_id": mimic_study(study.id),
        "PerformedProcedureStepDescription": "CHEST (PA AND LAT)",
        "ViewPosition": str(view.projection),
        "Rows": str(SCALE * (view.height or 0)),
        "Columns": str(SCALE * (view.width or 0)),
        "StudyDate": f"2199{number:02d}{1 + patient % 28:02d}",
        "StudyTime": f"{8000 + patient}.25",
        "ViewCodeSequence_CodeMeaning": CODES[view.projection],
    }


def _save(image: Path, out: Path, row: Cells) -> Path:
    """The image as the JPEG of a row."""
    subject = row["subject_id"]
    folder = out / f"files/p{subject[:2]}/p{subject}/s{row['study_id']}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{row['dicom_id']}.jpg"
    with Image.open(image) as pixels:
        pixels.save(path, quality=95)
    return path


def _labels(study: Study) -> Cells:
    said = {f.name: CELLS[f.status] for f in study.findings if f.name in CHEXPERT_14}
    row = {"subject_id": mimic_subject(study.id), "study_id": mimic_study(study.id)}
    return {**row, **{name: said.get(name, "") for name in CHEXPERT_14}}


def _plant_frontals(cohort: Path, out: Path, study: Study, tables: Tables) -> Planted:
    planted = {}
    for trap, change in MORE_VIEWS.items():
        row = _row(study, study.views[0], mimic_dicom(f"{study.id}{trap}")) | change
        tables.add(row, str(study.split))
        path = _save(cohort / study.views[0].path, out, row)
        if trap == "corrupt_image":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        planted[trap] = [row["dicom_id"]]
    return planted


def _plant_labels(labels: list[Cells]) -> Planted:
    planted = {}
    for trap, row in zip(LABEL_TRAPS, list(labels), strict=False):
        planted[trap] = [f"s{row['study_id']}"]
        if trap == "duplicated_labels":
            labels.append(dict(row))
        elif trap == "uncertain_edema_blank_fracture":
            row["Edema"], row["Fracture"] = "-1.0", ""
        elif trap == "no_labels":
            labels.remove(row)
        elif trap == "bad_label":
            row["Edema"] = "2.0"
        else:
            labels.append({**row, "Edema": "0.0" if row["Edema"] == "1.0" else "1.0"})
    return planted


def _plant_views(out: Path, tables: Tables, image: Path, planted: Planted) -> None:
    """Rows that come twice; and views of subjects of their own, none of which can be used."""
    first = tables.metadata[0]
    tables.metadata.append(dict(first))
    tables.splits.append(dict(tables.splits[0]))
    planted |= {"duplicated_row": [first["dicom_id"]], "duplicated_split": [first["dicom_id"]]}
    for number, (trap, change) in enumerate(TRAPS.items()):
        ids = {"subject_id": str(_SUBJECT + number), "study_id": str(_STUDY + number)}
        row = first | ids | {"dicom_id": mimic_dicom(trap)} | change
        tables.add(row, "train")
        path = _save(image, out, row | ids)
        planted[trap] = [row["dicom_id"]]
        if trap == "missing_image":
            path.unlink()
        elif trap == "contradicting_rows":
            tables.metadata.append({**row, "ViewPosition": "LATERAL"})
        elif trap == "no_split":
            tables.splits.pop()
        elif trap == "contradicting_split":
            tables.splits.append({**tables.splits[-1], "split": "test"})


def _write_tables(out: Path, tables: Tables, test: Collection[str]) -> None:
    metadata = gzip.compress(_csv(HEADER, tables.metadata), mtime=0)
    (out / "mimic-cxr-2.0.0-metadata.csv.gz").write_bytes(metadata)
    order = ("dicom_id", "study_id", "subject_id", "split")
    (out / "mimic-cxr-2.0.0-split.csv").write_bytes(_csv(order, tables.splits))
    labels = _csv(("subject_id", "study_id", *CHEXPERT_14), tables.labels)
    marked = codecs.BOM_UTF8 + labels.replace(b"\n", b"\r\n")
    (out / "mimic-cxr-2.0.0-chexpert.csv").write_bytes(marked)
    (out / "mimic-cxr-2.0.0-negbio.csv.gz").write_bytes(gzip.compress(labels, mtime=0))
    told = [row for row in tables.labels if row["study_id"] in test]
    header, _, body = _csv(("study_id", *CHEXPERT_14), told).partition(b"\n")
    radiologists = header.replace(b" ", b"_") + b"\n" + body
    (out / "mimic-cxr-2.1.0-test-set-labeled.csv").write_bytes(radiologists)


def _csv(header: Sequence[str], rows: Iterable[Cells]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, header, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()
