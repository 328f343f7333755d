"""The releases about MIMIC-CXR's patients at full size: its own, Chest ImaGenome, MS-CXR.

Counts are those of the releases (Wu et al. 2021; Boecking et al. 2022) and of Table 1 of the RadVLM
paper. Scene graphs hold one to three regions here; ``full_size_scenes`` makes them at their real
size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import orjson

from benchmarks.full_size_mimic_cxr import POPULATIONS, SPLITS, Views, make_views, write_mimic
from benchmarks.full_size_parts import Curated, Numbers, Scale, Talk, with_sum, write_csv
from benchmarks.full_size_scenes import scene_object
from radvlm.records import Split
from radvlm.vocabulary import REGIONS_29

REPORTS: dict[Split, int] = {"train": 230_980, "test": 3_314}
GRAPHS: dict[Split, int] = {"train": 162_794, "validate": 1_800, "test": 3_000}
TALKS: dict[Split, int] = {"train": 86_155, "test": 1_000}
GROUNDED: dict[Split, int] = {"train": 840, "validate": 22, "test": 155}
PHRASES: dict[Split, int] = {"train": 949, "validate": 22, "test": 189}
_CATEGORIES = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Lung Opacity", "Pneumonia")


def mimic_rows(n: Scale) -> dict[str, int]:
    """Row of the mixture → examples there are."""
    trained: tuple[Split, ...] = ("train", "validate")
    return {
        "mimic_reports": n(REPORTS["train"]),
        "mimic_labels": POPULATIONS["train"].scaled(n).frontals,
        "imagenome_regions": n(GRAPHS["train"]),
        "ms_cxr_phrases": sum(_phrases(split, n) for split in trained),
        "mimic_conversations": n(TALKS["train"]),
        "ms_cxr_conversations": sum(n(GROUNDED[split]) for split in trained),
        "test_mimic_reports": n(REPORTS["test"]),
        "test_imagenome_regions": n(GRAPHS["test"]),
        "test_ms_cxr_phrases": _phrases("test", n),
        "test_mimic_conversations": n(TALKS["test"]),
        "test_ms_cxr_conversations": n(GROUNDED["test"]),
    }


def make_mimic(root: Path, n: Scale) -> list[Curated]:
    """Write the three releases; returns what the curated folder is to hold."""
    rng = np.random.default_rng(1)
    views = make_views(rng, n)
    write_mimic(root / "mimic_cxr", rng, views)
    validation = np.unique(views.patient[views.frontals("validate")])
    gold = rng.permutation(validation)[: len(validation) // 2]
    _write_imagenome(root / "chest_imagenome", rng, views, n, gold)
    grounded = _grounded(rng, views, n, gold)
    _write_ms_cxr(root / "ms_cxr", rng, views, n, grounded)
    return _curated(rng, views, n, grounded)


def _phrases(split: Split, n: Scale) -> int:
    """At least one an image."""
    return max(n(PHRASES[split]), n(GROUNDED[split]))


def _write_imagenome(
    root: Path, rng: np.random.Generator, views: Views, n: Scale, gold: Numbers
) -> None:
    """The release's own split goes by patient and has nothing to do with MIMIC-CXR's.

    The patients of the gold set are of MIMIC-CXR's validation here, where nothing needs them.
    """
    silver = root / "silver_dataset"
    (silver / "scene_graph").mkdir(parents=True)
    chosen = {s: rng.permutation(views.frontals(s))[: n(count)] for s, count in GRAPHS.items()}
    avoided = np.flatnonzero(views.frontal & np.isin(views.patient, gold))
    every = np.setdiff1d(np.concatenate(list(chosen.values())), avoided)
    own = rng.choice(3, int(views.patient.max()) + 1, p=(0.7, 0.1, 0.2))[views.patient[every]]
    for number, name in enumerate(("train", "valid", "test")):
        _write_images(silver / "splits" / f"{name}.csv", views, every[own == number], True)
    _write_images(silver / "splits" / "images_to_avoid.csv", views, avoided, False)
    _write_gold(root / "gold_dataset", views, avoided)
    counts = rng.integers(1, 4, size=len(every)).tolist()
    drawn = rng.random((len(every), 3, 4)).tolist()
    for at, count, corners in zip(every.tolist(), counts, drawn, strict=True):
        path = f"{silver}/scene_graph/{views.dicom[at]}_SceneGraph.json"
        with open(path, "wb") as file:
            file.write(_graph(views, at, corners[:count]))


def _write_images(path: Path, views: Views, chosen: Numbers, numbered: bool) -> None:
    at = chosen.tolist()
    columns = [
        views.patient[chosen].tolist(),
        views.study[chosen].tolist(),
        [views.dicom[i] for i in at],
        [f"{views.folder(i)}/{views.dicom[i]}.dcm" for i in at],
        [views.position[i] for i in at],
    ]
    header = "subject_id,study_id,dicom_id,path,ViewPosition"
    if numbered:
        write_csv(path, f",{header}", [range(len(at)), *columns])
    else:
        write_csv(path, header, columns)


def _write_gold(root: Path, views: Views, chosen: Numbers) -> None:
    """One box of each image that is nobody's training image."""
    ids = [f"{views.dicom[at]}.dcm" for at in chosen.tolist()]
    header = (
        "image_id,x1,y1,x2,y2,width,height,bbox_name,annot_id,original_x1,original_x2,"
        "original_y1,original_y2,original_width,original_height,annotator,coord224,coord_original"
    )
    small, original = [30, 40, 105, 170], [410, 546, 1433, 1720]
    sides = (original[0], original[2], original[1], original[3])
    row = (*small, 75, 130, "right lung", 1, *sides, 1023, 1174, "X", small, original)
    constant = [[value] * len(ids) for value in row]
    write_csv(root / "gold_bbox_coordinate_annotations_1000images.csv", header, [ids, *constant])


def _graph(views: Views, at: int, corners: Sequence[Sequence[float]]) -> bytes:
    """A scene graph with as many regions as corners are given, each in 0…1."""
    dicom, (height, width) = views.dicom[at], views.size[at].tolist()
    objects = []
    for number, (x, y, w, h) in enumerate(corners):
        x1, y1 = int(0.6 * x * width), int(0.6 * y * height)
        x2, y2 = x1 + int((0.1 + 0.25 * w) * width), y1 + int((0.1 + 0.25 * h) * height)
        name = REGIONS_29[(at + 7 * number) % len(REGIONS_29)]
        objects.append(scene_object(dicom, name, [x1, y1, x2, y2], max(width, height)))
    head = {
        "image_id": dicom,
        "viewpoint": views.position[at],
        "patient_id": int(views.patient[at]),
        "study_id": int(views.study[at]),
        **{"gender": "F", "age_decile": "60-70", "reason_for_exam": "invented", "StudyOrder": 1},
        "StudyDateTime": "2199-01-01 08:15:00",
    }
    return orjson.dumps({**head, "objects": objects, "attributes": [], "relationships": []})


def _grounded(
    rng: np.random.Generator, views: Views, n: Scale, gold: Numbers
) -> dict[Split, Numbers]:
    """The images of each split that have phrases with boxes, and conversations that point."""
    pools = {split: views.frontals(split) for split in GROUNDED}
    pools["validate"] = pools["validate"][~np.isin(views.patient[pools["validate"]], gold)]
    return {split: np.sort(rng.permutation(pools[split])[: n(GROUNDED[split])]) for split in pools}


def _write_ms_cxr(
    root: Path, rng: np.random.Generator, views: Views, n: Scale, grounded: dict[Split, Numbers]
) -> None:
    """Phrases, one in four with two boxes, a row a box."""
    lines: list[tuple[object, ...]] = []
    for split, images in grounded.items():
        again = rng.choice(images, _phrases(split, n) - len(images))
        about = [*images.tolist(), *again.tolist()]
        for number, at in enumerate(about):
            name = _CATEGORIES[number % len(_CATEGORIES)]
            text = f"invented: {name.lower()} of the {('right', 'left')[number % 2]} lung, {number}"
            path = f"{views.folder(at)}/{views.dicom[at]}.jpg"
            height, width = views.size[at].tolist()
            for x, y, w, h in rng.random((1 + (number % 4 == 0), 4)).tolist():
                box = (0.6 * x * width, 0.6 * y * height, (0.1 + w / 4) * width)
                corners = [int(value) for value in (*box, (0.1 + h / 4) * height)]
                lines.append((views.dicom[at], name, text, path, *corners, width, height))
    header = "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height"
    write_csv(root / "MS_CXR_Local_Alignment_v1.0.0.csv", header, list(zip(*lines, strict=True)))


def _curated(
    rng: np.random.Generator, views: Views, n: Scale, grounded: dict[Split, Numbers]
) -> list[Curated]:
    """Reports of exactly as many frontal views as published, and the dialogues."""
    talks: dict[int, list[bool]] = {}
    for split, count in TALKS.items():
        for at in rng.permutation(views.frontals(split))[: n(count)].tolist():
            talks.setdefault(at, []).append(False)
    for images in grounded.values():
        for at in images.tolist():
            talks.setdefault(at, []).append(True)
    written: set[int] = set()
    for split, count in REPORTS.items():
        studies, counts = np.unique(views.study[views.frontals(split)], return_counts=True)
        written |= set(studies[with_sum(rng, counts, n(count))].tolist())
    found = []
    for study, group in groupby(np.flatnonzero(views.frontal).tolist(), views.study.__getitem__):
        members = list(group)
        said = [Talk(views.dicom[at], kind) for at in members for kind in talks.get(at, ())]
        if said or study in written:
            split, patient = SPLITS[views.split[members[0]]], str(views.patient[members[0]])
            names = tuple(views.dicom[at] for at in members)
            text = study in written
            found.append(Curated("mimic", patient, str(study), split, names, text, tuple(said)))
    return found
