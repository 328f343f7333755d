"""The simulated cohort as PadChest-GR is on disk: sentences with boxes, a master table, images.

It holds the frontal views of every second patient of the cohort, with the identifiers that the
cohort's PadChest has. Findings that share a phrase are one sentence with several labels.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import FRONTAL, Box, Finding, Study, View
from radvlm.sources.phantom.releases.ids import numbers
from radvlm.sources.phantom.releases.padchest import (
    LABELS,
    YEAR,
    image_id,
    patient_id,
    save_png16,
    study_id,
)

REPORTS, MASTER = "grounded_reports_20240819.json", "master_table.csv"
SPLITS = {"train": "train", "validate": "validation", "test": "test"}
HEADER = (
    "StudyID,ImageID,label,boxes_count,extra_boxes_count,locations,prior_study,"
    "progression_status,prior_imageID,sentence_en,sentence_es,study_is_benchmark,"
    "study_is_validation,split,PatientID,patient_is_benchmark,PatientBirth,PatientSex_DICOM,"
    "StudyDate_DICOM,StudyDate,PatientAge,label_group,Year"
)
NORMAL = {"sentence_en": "Normal study.", "sentence_es": "Estudio normal.", "abnormal": False}
UNKNOWN = "p900000s0"
"""A study that PadChest's table does not know."""

Sentence = dict[str, Any]


def included(study: Study) -> bool:
    """Whether a study of the cohort is in the release."""
    return numbers(study.id)[0] % 2 == 0


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into the new folder ``out``; returns trap → image ids, or entries.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(filter(included, read_studies(cohort / "studies.parquet")))
    entries: list[dict[str, Any]] = []
    table: list[dict[str, str]] = []
    with atomic_folder(out) as aside:
        (aside / "PadChest_GR").mkdir()
        for study in studies:
            view = next(view for view in study.views if view.projection in FRONTAL)
            save_png16(cohort / view.path, aside / "PadChest_GR" / image_id(view.id))
            entry = _entry(study, view)
            entries.append(entry)
            table += _rows(study, entry)
        planted = _plant(entries)
        text = json.dumps(entries, ensure_ascii=False)
        (aside / REPORTS).write_text(text, encoding="utf-8")
        with (aside / MASTER).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADER.split(","), restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
    return planted


def _entry(study: Study, view: View) -> dict[str, Any]:
    prior = study_id(study.prior) if study.prior else None
    return {
        "StudyID": study_id(study.id),
        "ImageID": image_id(view.id),
        "PreviousStudyID": prior,
        "PreviousImageID": image_id(f"{study.prior}v1") if study.prior else None,
        "findings": list(_sentences(study, view)) or [NORMAL],
    }


def _sentences(study: Study, view: View) -> Iterator[Sentence]:
    """A sentence a phrase, and one of what is not there."""
    said: dict[str, list[Finding]] = {}
    for finding in study.findings:
        if finding.status == "present" and finding.phrase and finding.name in LABELS:
            said.setdefault(finding.phrase, []).append(finding)
    for phrase, about in said.items():
        boxes = list(dict.fromkeys(b for f in about if f.view == view.id for b in f.boxes))
        yield {
            "sentence_en": phrase,
            "sentence_es": f"Se observa {LABELS[about[0].name][1]}.",
            "abnormal": True,
            "boxes": [[b.x1, b.y1, b.x2, b.y2] for b in boxes],
            "extra_boxes": [_second(box) for box in boxes],
            "labels": [LABELS[finding.name][0] for finding in about],
            "locations": [],
            "progression": None,
        }
    absent = {finding.name for finding in study.findings if finding.status == "absent"}
    if said and "Pneumothorax" in absent:
        yield {"sentence_en": "No pneumothorax.", "sentence_es": "Sin neumotórax."} | {
            "abnormal": False,
            "labels": ["pneumothorax"],
        }
    elif said:
        yield NORMAL | {"sentence_en": "The rest is normal.", "sentence_es": "Resto normal."}


def _second(box: Box) -> list[float]:
    """The same as a second reader draws it: narrower by a tenth."""
    return [box.x1, box.y1, box.x1 + 0.9 * (box.x2 - box.x1), box.y2]


def _rows(study: Study, entry: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Rows of the master table: one a label, or one for a normal study."""
    sentences: list[Sentence] = [s for s in entry["findings"] if s["abnormal"]]
    labels = [(s, label) for s in sentences for label in s["labels"]] or [(NORMAL, "Normal")]
    for sentence, label in labels:
        yield {
            "StudyID": entry["StudyID"],
            "ImageID": entry["ImageID"],
            "label": label,
            "boxes_count": str(len(sentence.get("boxes", ()))),
            "extra_boxes_count": str(len(sentence.get("extra_boxes", ()))),
            "locations": "[]",
            "prior_study": str(study.prior is not None).upper(),
            "sentence_en": sentence["sentence_en"],
            "sentence_es": sentence["sentence_es"],
            "split": SPLITS[study.split or "train"],
            "PatientID": patient_id(study.id),
            "PatientBirth": f"{YEAR - (study.age or 0):.0f}",
            "PatientSex_DICOM": study.sex or "",
            "PatientAge": f"{study.age or 0:.0f}",
            "label_group": label.capitalize(),
            "Year": str(YEAR),
        }


def _plant(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """An entry twice, one PadChest does not know, one of another form, and a box that is none."""
    known = len(entries)
    boxed = [e for e in entries if any(s.get("boxes") for s in e["findings"])]
    planted = {"duplicated_row": [entries[1 % known]["ImageID"]]}
    for entry in boxed[:1]:
        sentence = next(s for s in entry["findings"] if s.get("boxes"))
        sentence["boxes"] = [*sentence["boxes"], [0.5, 0.5, 0.4, 0.6]]
        planted["degenerate_box"] = [entry["ImageID"]]
    stranger = {"StudyID": study_id(UNKNOWN), "ImageID": image_id(f"{UNKNOWN}v1")}
    entries += [
        entries[1 % known],
        {**stranger, "findings": [NORMAL]},
        {**entries[0], "findings": None},
    ]
    planted["unknown_image"] = [stranger["ImageID"]]
    planted["damaged_entry"] = [f"entry {known + 3}"]
    return planted
