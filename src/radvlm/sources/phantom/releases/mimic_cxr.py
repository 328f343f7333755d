"""The simulated cohort as MIMIC-CXR-JPG 2.1.0 is on disk: tables, and JPEG below ``files/``.

The metadata state eight times the size of the images, as if they had been made smaller. The labels
file begins with a byte-order mark and has CRLF, the metadata are zipped. Studies of subjects from
10900001 on are traps.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Study, View
from radvlm.sources.phantom.releases.ids import (
    mimic_dicom,
    mimic_folder,
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
_TRAP = 10_900_001

Cells = dict[str, str]


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into ``out``; returns what was planted, trap → ids of its records."""
    studies = list(read_studies(cohort / "studies.parquet"))
    planted: dict[str, list[str]] = {}
    with atomic_folder(out) as aside:
        metadata: list[Cells] = []
        splits: list[Cells] = []
        for study in studies:
            for view in study.views:
                _add(cohort, aside, study, view, metadata, splits)
        labels = [_labels(study) for study in studies]
        _second_frontal(cohort, aside, studies[0], metadata, splits, planted)
        _plant_labels(studies, labels, planted)
        _plant_views(aside, metadata, splits, planted)
        _tables(aside, metadata, splits, labels)
    return planted


def _add(
    cohort: Path,
    out: Path,
    study: Study,
    view: View,
    metadata: list[Cells],
    splits: list[Cells],
    dicom: str | None = None,
) -> Cells:
    """One view: its JPEG, its row of metadata, its row of the split."""
    dicom = dicom or mimic_dicom(view.id)
    patient, number, _ = numbers(study.id)
    folder = out / mimic_folder(study.id)
    folder.mkdir(parents=True, exist_ok=True)
    Image.open(cohort / view.path).save(folder / f"{dicom}.jpg", quality=95)
    row = dict.fromkeys(HEADER, "")
    row |= {
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
    metadata.append(row)
    ids = {name: row[name] for name in ("dicom_id", "study_id", "subject_id")}
    splits.append({**ids, "split": str(study.split)})
    return row


def _labels(study: Study) -> Cells:
    said = {f.name: CELLS[f.status] for f in study.findings if f.name in CHEXPERT_14}
    row = {"subject_id": mimic_subject(study.id), "study_id": mimic_study(study.id)}
    return {**row, **{name: said.get(name, "") for name in CHEXPERT_14}}


def _second_frontal(
    cohort: Path,
    out: Path,
    study: Study,
    metadata: list[Cells],
    splits: list[Cells],
    planted: dict[str, list[str]],
) -> None:
    """Another frontal view of the first study, and one whose position is empty."""
    for trap, empty in (("second_frontal", False), ("empty_view_position", True)):
        dicom = mimic_dicom(f"{study.id}{trap}")
        row = _add(cohort, out, study, study.views[0], metadata, splits, dicom)
        row["ViewPosition"] = "" if empty else row["ViewPosition"]
        planted[trap] = [dicom]


def _plant_labels(
    studies: Sequence[Study], labels: list[Cells], planted: dict[str, list[str]]
) -> None:
    """An uncertain and a blank label, a row twice, and a study without labels."""
    labels[1]["Edema"], labels[1]["Fracture"] = "-1.0", ""
    planted["uncertain_edema_blank_fracture"] = [labels[1]["study_id"]]
    labels.append(dict(labels[0]))
    planted["duplicated_labels"] = [f"s{labels[0]['study_id']}"]
    gone = labels.pop(2)
    planted["no_labels"] = [gone["study_id"]]


def _plant_views(
    out: Path, metadata: list[Cells], splits: list[Cells], planted: dict[str, list[str]]
) -> None:
    """Rows that cannot be used, each of a subject of its own; and a row that comes twice."""
    metadata.append(dict(metadata[0]))
    planted["duplicated_row"] = [metadata[0]["dicom_id"]]
    (out / "outside.jpg").write_bytes(b"")
    bad = {
        "missing_image": {},
        "corrupt_size": {"Rows": "many"},
        "contradicting_rows": {},
        "no_split": {},
        "escaping_path": {"study_id": "../../../outside"},
    }
    for number, (trap, change) in enumerate(bad.items()):
        subject, study = str(_TRAP + number), str(59_000_001 + number)
        dicom = mimic_dicom(trap)
        row = {
            **metadata[0],
            "dicom_id": dicom,
            "subject_id": subject,
            "study_id": study,
            **change,
        }
        if trap != "missing_image":
            folder = out / f"files/p{subject[:2]}/p{subject}/s{study}"
            folder.mkdir(parents=True)
            (folder / f"{dicom}.jpg").write_bytes(b"\xff\xd8\xff")
        metadata.append(row)
        if trap == "contradicting_rows":
            metadata.append({**row, "ViewPosition": "LATERAL"})
        if trap != "no_split":
            ids = {name: row[name] for name in ("dicom_id", "study_id", "subject_id")}
            splits.append({**ids, "split": "train"})
        planted[trap] = [dicom]


def _tables(
    out: Path, metadata: Sequence[Cells], splits: Sequence[Cells], labels: Sequence[Cells]
) -> None:
    (out / "mimic-cxr-2.0.0-metadata.csv.gz").write_bytes(
        gzip.compress(_csv(HEADER, metadata).encode(), mtime=0)
    )
    order = ("dicom_id", "study_id", "subject_id", "split")
    (out / "mimic-cxr-2.0.0-split.csv").write_text(_csv(order, splits), encoding="utf-8")
    names = ("subject_id", "study_id", *CHEXPERT_14)
    text = "\ufeff" + _csv(names, labels).replace("\n", "\r\n")
    (out / "mimic-cxr-2.0.0-chexpert.csv").write_bytes(text.encode())


def _csv(header: Sequence[str], rows: Iterable[Cells]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
