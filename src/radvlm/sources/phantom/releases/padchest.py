"""The simulated cohort as PadChest is on disk: one table, 16-bit PNG in numbered folders, Spanish.

The table states eight times the size of the images, as if they had been made smaller. Studies of
patients from 900001 on are traps.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Study, View
from radvlm.sources.phantom.releases.ids import numbers
from radvlm.vocabulary import NO_FINDING

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
SCALE = 8

LABELS = {
    "Atelectasis": ("atelectasis", "atelectasia"),
    "Cardiomegaly": ("cardiomegaly", "cardiomegalia"),
    "Consolidation": ("consolidation", "consolidacion"),
    "Edema": ("pulmonary edema", "edema pulmonar"),
    "Enlarged Cardiomediastinum": ("mediastinal enlargement", "ensanchamiento mediastinico"),
    "Fracture": ("rib fracture", "fractura costal"),
    "Lung Lesion": ("nodule", "nodulo pulmonar"),
    "Lung Opacity": ("increased density", "aumento densidad"),
    "Pleural Effusion": ("pleural effusion", "derrame pleural"),
    "Pleural Other": ("pleural thickening", "engrosamiento pleural"),
    "Pneumonia": ("pneumonia", "neumonia"),
    "Pneumothorax": ("pneumothorax", "neumotorax"),
    "pacemaker": ("pacemaker", "marcapasos"),
    "port": ("reservoir central venous catheter", "reservorio"),
    "central line": ("central venous catheter", "via central"),
    "endotracheal tube": ("endotracheal tube", "tubo endotraqueal"),
    "chest drain": ("chest drain tube", "tubo torax"),
    "sternal wires": ("sternotomy", "esternotomia"),
}
"""The cohort's findings and devices in PadChest's words and in Spanish, as its reports are kept."""

HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,"
    "ViewPosition_DICOM,Projection,MethodProjection,Pediatric,Modality_DICOM,Manufacturer_DICOM,"
    "PhotometricInterpretation_DICOM,PixelRepresentation_DICOM,PixelAspectRatio_DICOM,"
    "SpatialResolution_DICOM,BitsStored_DICOM,WindowCenter_DICOM,WindowWidth_DICOM,Rows_DICOM,"
    "Columns_DICOM,XRayTubeCurrent_DICOM,Exposure_DICOM,ExposureInuAs_DICOM,ExposureTime,"
    "RelativeXRayExposure_DICOM,ReportID,Report,MethodLabel,Labels,Localizations,"
    "LabelsLocalizationsBySentence,labelCUIS,LocalizationsCUIS"
)
YEAR = 2013
_TRAPS = ("missing_image", "bad_labels", "contradicting_rows", "no_labels", "costal")
_OUTSIDE = "../../../outside.png"

Cells = dict[str, str]


def patient_id(name: str) -> str:
    """Thirty-six digits, more than any integer type holds."""
    return f"{888 * 10**33 + numbers(name)[0]}"


def study_id(name: str) -> str:
    """Thirty-nine digits."""
    patient, study, _ = numbers(name)
    return f"{999 * 10**36 + 100 * patient + study}"


def image_id(view: str) -> str:
    """The study, six letters and digits, and the ending."""
    study = view.partition("v")[0]
    return f"{study_id(study)}_{hashlib.sha256(view.encode()).hexdigest()[:6]}.png"


def trap_study(trap: str) -> str:
    """The name, as the cohort would give it, of the study a trap is planted in."""
    return f"p{900001 + _TRAPS.index(trap)}s0"


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into the new folder ``out``; returns trap → image ids.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(read_studies(cohort / "studies.parquet"))
    table: list[Cells] = []
    with atomic_folder(out) as aside:
        for position, study in enumerate(studies):
            for view in study.views:
                row = _row(study, view, position)
                table.append(row)
                path = aside / row["ImageDir"] / row["ImageID"]
                path.parent.mkdir(exist_ok=True)
                save_png16(cohort / view.path, path)
        planted = _plant(table, aside, cohort / studies[0].views[0].path)
        _save(aside / TABLE, table)
    return planted


def save_png16(source: Path, target: Path) -> None:
    """An 8-bit image as 16-bit PNG whose values fill a quarter of the range, as many do."""
    with Image.open(source) as image:
        values = np.asarray(image, np.uint8).astype(np.uint16) * 64 + 100
    Image.fromarray(values).save(target, compress_level=1)


def labels_of(study: Study) -> list[str]:
    """PadChest's labels of a study of the cohort."""
    present = [f.name for f in study.findings if f.status == "present"]
    named = [LABELS[name][0] for name in present if name in LABELS]
    return named or (["normal"] if NO_FINDING in present else [])


def spanish(study: Study) -> str:
    """The report as PadChest keeps one: lower case, no stop words, no accents."""
    present = [f.name for f in study.findings if f.status == "present"]
    return " ".join(LABELS[name][1] for name in present if name in LABELS) or "sin hallazgos"


def _row(study: Study, view: View, position: int) -> Cells:
    horizontal = "AP_horizontal" if position % 2 else "AP"
    labels = [f" {label}" if position % 4 == 3 else label for label in labels_of(study)]
    return {
        "ImageID": image_id(view.id),
        "ImageDir": str(position % 3 * 27),
        "StudyDate_DICOM": f"{YEAR}{1 + numbers(study.id)[1]:02d}15",
        "StudyID": study_id(study.id),
        "PatientID": patient_id(study.id),
        "PatientBirth": f"{YEAR - (study.age or 0):.1f}",
        "PatientSex_DICOM": study.sex or "",
        "Projection": {"PA": "PA", "AP": horizontal, "LATERAL": "L"}[view.projection],
        "MethodProjection": "Manual review of DICOM fields",
        "Pediatric": "PED" if (study.age or 0) < 18 else "No",
        "BitsStored_DICOM": "14",
        "Rows_DICOM": str(SCALE * (view.height or 0)),
        "Columns_DICOM": str(SCALE * (view.width or 0)),
        "ReportID": str(4_000_000 + position),
        "Report": spanish(study),
        "MethodLabel": "RNN_model" if position % 2 else "Physician",
        "Labels": repr([*labels, ""] if position % 4 == 2 else labels),
        "Localizations": "[]",
    }


def _plant(table: list[Cells], out: Path, image: Path) -> dict[str, list[str]]:
    """Rows of studies of their own, and one row of the cohort a second time."""
    twice = dict(table[2 % len(table)])
    planted = {"duplicated_row": [twice["ImageID"]], "escaping_path": [_OUTSIDE]}
    changes: dict[str, Cells] = {
        "bad_labels": {"Labels": "['pleural effusion'"},
        "no_labels": {"Labels": "", "Report": "", "MethodLabel": ""},
        "costal": {"Projection": "COSTAL"},
    }
    for trap in _TRAPS:
        study = trap_study(trap)
        own = {"StudyID": study_id(study), "PatientID": patient_id(study)}
        own |= {"ImageID": image_id(f"{study}v1"), "ImageDir": "54"}
        table.append({**table[0], **own, **changes.get(trap, {})})
        planted[trap] = [own["ImageID"]]
        if trap != "missing_image":
            (out / "54").mkdir(exist_ok=True)
            save_png16(image, out / "54" / own["ImageID"])
        if trap == "contradicting_rows":
            table.append({**table[-1], "Labels": "['hernia']"})
        if trap == "missing_image":
            table.append({**table[-1], "ImageID": _OUTSIDE})
    table.append(twice)
    return planted


def _save(path: Path, table: Sequence[Cells]) -> None:
    """The table with a byte-order mark and CRLF, as spreadsheets save it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, HEADER.split(","), restval="")
        writer.writeheader()
        writer.writerows({"": str(number), **row} for number, row in enumerate(table))
