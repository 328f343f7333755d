"""The simulated cohort's phrases as MS-CXR 1.1.0 is on disk: one row a box, and the COCO file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Study
from radvlm.sources.phantom.releases.ids import mimic_dicom, mimic_folder
from radvlm.sources.phantom.releases.mimic_cxr import SCALE

NAMES = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Lung Opacity",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
)
"""The categories of the release."""

HEADER = (
    "dicom_id",
    "category_name",
    "label_text",
    "path",
    "x",
    "y",
    "w",
    "h",
    "image_width",
    "image_height",
    "split",
)
_STEM = "MS_CXR_Local_Alignment_v1.1.0"

Cells = dict[str, Any]


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into ``out``; returns what was planted, trap → ids of its records."""
    rows = [row for study in read_studies(cohort / "studies.parquet") for row in _rows(study)]
    annotations = [dict(row) for row in rows]
    first = rows[0]
    planted = {
        "inverted_box": [first["dicom_id"]],
        "duplicated_row": [first["dicom_id"]],
        "escaping_path": ["outside"],
    }
    rows.append({**first, "w": -5})
    rows.append(dict(first))
    rows.append({**first, "dicom_id": "outside", "path": "../../outside.jpg"})
    with atomic_folder(out) as aside:
        file = io.StringIO()
        writer = csv.DictWriter(file, HEADER, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        (aside / f"{_STEM}.csv").write_text(file.getvalue(), encoding="utf-8", newline="")
        (aside / f"{_STEM}.json").write_text(json.dumps(_coco(annotations)), encoding="utf-8")
    return planted


def _rows(study: Study) -> Iterator[Cells]:
    """One row a box of each finding that the release knows and that has a phrase."""
    views = {view.id: view for view in study.views}
    for finding in study.findings:
        if finding.name not in NAMES or not finding.phrase or not finding.view:
            continue
        view = views[finding.view]
        dicom = mimic_dicom(view.id)
        width, height = SCALE * (view.width or 0), SCALE * (view.height or 0)
        for box in finding.boxes:
            x, y = round(box.x1 * width), round(box.y1 * height)
            yield {
                "dicom_id": dicom,
                "category_name": finding.name,
                "label_text": finding.phrase,
                "path": f"{mimic_folder(study.id)}/{dicom}.jpg",
                "x": x,
                "y": y,
                "w": round(box.x2 * width) - x,
                "h": round(box.y2 * height) - y,
                "image_width": width,
                "image_height": height,
                "split": "train",
            }


def _coco(rows: Sequence[Cells]) -> dict[str, Any]:
    images = {row["dicom_id"]: row for row in rows}
    numbered = {dicom: number for number, dicom in enumerate(images)}
    return {
        "images": [
            {
                "id": numbered[dicom],
                "file_name": f"{dicom}.jpg",
                "path": row["path"],
                "width": row["image_width"],
                "height": row["image_height"],
            }
            for dicom, row in images.items()
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(NAMES)],
        "annotations": [
            {
                "id": number,
                "image_id": numbered[row["dicom_id"]],
                "category_id": NAMES.index(row["category_name"]),
                "bbox": [row["x"], row["y"], row["w"], row["h"]],
                "label_text": row["label_text"],
            }
            for number, row in enumerate(rows)
        ],
    }
