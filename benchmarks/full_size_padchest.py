"""PadChest and PadChest-GR at full size, as far as the build reads them.

Counts are those of the releases (Bustos et al. 2020; Castro et al. 2025) and of Table 1 of the
RadVLM paper. Images are empty files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.full_size_parts import Curated, Numbers, Scale, Talk, cells, touch, write_csv
from radvlm.records import Split

PADCHEST = (67_625, 109_931, 160_861)
"""Patients, studies, views."""

GR: dict[str, tuple[int, int, int]] = {
    "train": (3_185, 1_950, 3_925),
    "validation": (455, 275, 553),
    "test": (915, 560, 1_130),
}
"""Of each split: images, PA and AP images with boxes, their phrases."""

LYING = {"train": 200, "validation": 25, "test": 50}
"""Further images with boxes, of lying patients, which the paper leaves out."""

_PADCHEST_COLUMNS = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,"
    "ViewPosition_DICOM,Projection,MethodProjection,Pediatric,Modality_DICOM,Manufacturer_DICOM,"
    "PhotometricInterpretation_DICOM,PixelRepresentation_DICOM,PixelAspectRatio_DICOM,"
    "SpatialResolution_DICOM,BitsStored_DICOM,WindowCenter_DICOM,WindowWidth_DICOM,Rows_DICOM,"
    "Columns_DICOM,XRayTubeCurrent_DICOM,Exposure_DICOM,ExposureInuAs_DICOM,ExposureTime,"
    "RelativeXRayExposure_DICOM,ReportID,Report,MethodLabel,Labels,Localizations,"
    "LabelsLocalizationsBySentence,labelCUIS,LocalizationsCUIS"
)
_MASTER_COLUMNS = (
    "StudyID,ImageID,label,boxes_count,extra_boxes_count,locations,prior_study,"
    "progression_status,prior_imageID,sentence_en,sentence_es,study_is_benchmark,"
    "study_is_validation,split,PatientID,patient_is_benchmark,PatientBirth,PatientSex_DICOM,"
    "StudyDate_DICOM,StudyDate,PatientAge,label_group,Year"
)
_LABELS = ("normal", "pleural effusion", "cardiomegaly", "nodule", "infiltrates", "scoliosis")
_TEXT = (
    "sin hallazgos significativos derrame pleural izquierdo derecho cardiomegalia base pulmonar "
    "aumento densidad control respecto previo cambios cronicos hilios mediastino normal"
)

_SPLITS: dict[str, Split] = {"train": "train", "validation": "validate", "test": "test"}


@dataclass(frozen=True, slots=True)
class Views:
    """One entry a view; the first view of the first study of patient ``i`` is view ``i``."""

    patient: Numbers
    study: Numbers
    patient_ids: list[str]
    study_ids: list[str]
    images: list[str]
    projection: list[str]
    folder: list[int]


@dataclass(frozen=True, slots=True)
class Grounded:
    """An image of PadChest-GR: the view, its split and how many of its phrases have boxes."""

    view: int
    split: str
    phrases: int


def padchest_rows(n: Scale) -> dict[str, int]:
    """Row of the mixture → examples there are."""
    trained = ("train", "validation")
    return {
        "padchest_phrases": sum(max(n(GR[split][2]), n(GR[split][1])) for split in trained),
        "padchest_conversations": sum(n(GR[split][1]) for split in trained),
    }


def make_padchest(root: Path, n: Scale) -> list[Curated]:
    """Write both releases; returns what the curated folder is to hold."""
    rng = np.random.default_rng(4)
    views, grounded, pointing = _views(rng, n)
    _write_padchest(root / "padchest", rng, views)
    _write_gr(root / "padchest_gr", rng, views, grounded)
    return [
        Curated(
            "padchest",
            views.patient_ids[one.view],
            views.study_ids[one.view],
            _SPLITS[one.split],
            (views.images[one.view],),
            False,
            (Talk(views.images[one.view], True),),
        )
        for one in pointing
    ]


def _views(rng: np.random.Generator, n: Scale) -> tuple[Views, list[Grounded], list[Grounded]]:
    """All views, the images of PadChest-GR, and those of them whose boxes are asked about."""
    patients, studies, count = map(n, PADCHEST)
    more = rng.integers(patients, size=studies - patients)
    patient_of = np.concatenate([np.arange(patients), more])
    study = np.concatenate([np.arange(studies), rng.integers(studies, size=count - studies)])
    kinds = ("PA", "AP", "AP_horizontal", "L", "COSTAL")
    projection = cells(rng, count, kinds, (0.57, 0.03, 0.09, 0.306, 0.004))
    grounded: list[Grounded] = []
    pointing: list[Grounded] = []
    left = iter(rng.permutation(patients).tolist())
    for split, (images, boxed, phrases) in GR.items():
        counts = 1 + np.bincount(rng.integers(n(boxed), size=max(0, n(phrases) - n(boxed))))
        counts = np.pad(counts, (0, n(boxed) - len(counts)), constant_values=1)
        asked = [Grounded(next(left), split, count) for count in counts.tolist()]
        lying = [Grounded(next(left), split, 2) for _ in range(n(LYING[split]))]
        rest = [Grounded(next(left), split, 0) for _ in range(n(images) - n(boxed) - len(lying))]
        projection[[one.view for one in asked + rest]] = "PA"
        projection[[one.view for one in asked[::8]]] = "AP"
        projection[[one.view for one in lying]] = "AP_horizontal"
        grounded += asked + lying + rest
        pointing += asked
    study_ids = [f"{rng.integers(10**17, 10**18)}{i:021d}" for i in range(studies)]
    views = Views(
        patient_of[study],
        study,
        [f"{rng.integers(10**17, 10**18)}{i:020d}" for i in range(patients)],
        study_ids,
        [f"{study_ids[s]}_{i:06x}.png" for i, s in enumerate(study.tolist())],
        projection.tolist(),
        (study % 55).tolist(),
    )
    return views, grounded, pointing


def _write_padchest(root: Path, rng: np.random.Generator, views: Views) -> None:
    """Reports and labels are those of the study, birth and sex those of the patient."""
    count, studies = len(views.images), len(views.study_ids)
    words = _TEXT.split()
    drawn = rng.integers(len(words), size=(studies, 14)).tolist()
    reports = [" ".join([words[i] for i in row]) for row in drawn]
    lists = [repr([one]) for one in _LABELS] + ["['cardiomegaly', 'pleural effusion']", "[]"]
    labels = rng.integers(len(lists), size=studies)[views.study].tolist()
    methods = cells(rng, studies, ("Physician", "RNN_model"), (0.27, 0.73))[views.study]
    sizes = rng.integers((1700, 1700), (3400, 3000), size=(count, 2))
    known: dict[str, Any] = {
        "": range(count),
        "ImageID": views.images,
        "ImageDir": views.folder,
        "StudyDate_DICOM": (20_100_101 + 10_000 * (views.study % 8)).tolist(),
        "StudyID": [views.study_ids[i] for i in views.study.tolist()],
        "PatientID": [views.patient_ids[i] for i in views.patient.tolist()],
        "PatientBirth": (1920.0 + views.patient % 70).tolist(),
        "PatientSex_DICOM": [("F", "M")[i] for i in (views.patient % 2).tolist()],
        "Projection": views.projection,
        "MethodProjection": ["Manual review of DICOM fields"] * count,
        "Pediatric": ["No"] * count,
        "Rows_DICOM": sizes[:, 0].tolist(),
        "Columns_DICOM": sizes[:, 1].tolist(),
        "ReportID": (4_000_000 + views.study).tolist(),
        "Report": [reports[i] for i in views.study.tolist()],
        "MethodLabel": methods.tolist(),
        "Labels": [lists[i] for i in labels],
        "Localizations": [[]] * count,
        "LabelsLocalizationsBySentence": [f"[{lists[i]}]" for i in labels],
    }
    columns = [known.get(name, [""] * count) for name in _PADCHEST_COLUMNS.split(",")]
    name = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
    write_csv(root / name, _PADCHEST_COLUMNS, columns)
    touch(root, (f"{f}/{i}" for f, i in zip(views.folder, views.images, strict=True)))


def _write_gr(root: Path, rng: np.random.Generator, views: Views, grounded: list[Grounded]) -> None:
    """Sentences, and a table of a row a label; the images are in PadChest's own folders."""
    root.mkdir(parents=True)
    entries, rows = [], []
    for one in grounded:
        study, image = views.study_ids[one.view], views.images[one.view]
        sentences = [_sentence(rng, number) for number in range(one.phrases)]
        normal = {"sentence_en": "Invented: the rest is normal.", "abnormal": False}
        head = {"StudyID": study, "ImageID": image, "PreviousStudyID": None}
        entries.append({**head, "PreviousImageID": None, "findings": [*sentences, normal]})
        for sentence in sentences or [{"labels": ["Normal"], "boxes": [], "extra_boxes": []}]:
            known: dict[str, Any] = {
                "StudyID": study,
                "ImageID": image,
                "label": sentence["labels"][0],
                "boxes_count": len(sentence["boxes"]),
                "extra_boxes_count": len(sentence["extra_boxes"]),
                "locations": "[]",
                "split": one.split,
                "PatientID": views.patient_ids[one.view],
            }
            rows.append([known.get(name, "") for name in _MASTER_COLUMNS.split(",")])
    (root / "grounded_reports_20240819.json").write_bytes(orjson.dumps(entries))
    write_csv(root / "master_table.csv", _MASTER_COLUMNS, list(zip(*rows, strict=True)))


def _sentence(rng: np.random.Generator, number: int) -> dict[str, Any]:
    """One with one or two boxes and one or two labels."""
    corners = (0.6 * rng.random((1 + number % 2, 2))).round(3)
    sizes = (0.05 + 0.3 * rng.random(corners.shape)).round(3)
    boxes = np.concatenate([corners, corners + sizes], axis=1).tolist()
    first = 1 + int(rng.integers(len(_LABELS) - 2))
    labels = list(_LABELS[first : first + 1 + number % 3 // 2])
    return {
        "sentence_en": f"Invented: {' and '.join(labels)}, number {number + 1}.",
        "sentence_es": "Frase inventada.",
        "abnormal": True,
        "boxes": boxes,
        "extra_boxes": boxes[:1],
        "labels": labels,
        "locations": [],
        "progression": None,
    }
