"""The simulated cohort's regions as Chest ImaGenome 1.0.0 is on disk: scene graphs and lists.

Boxes are in pixels of eight times the image, as in the metadata that ``mimic_cxr`` writes. The
release's split has nothing to do with MIMIC-CXR's; the last patient is in the gold set.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Box, Study, View
from radvlm.sources.phantom.releases.ids import (
    mimic_dicom,
    mimic_folder,
    mimic_study,
    mimic_subject,
    numbers,
)
from radvlm.sources.phantom.releases.mimic_cxr import SCALE

_LISTS = ("train", "valid", "test")
_GOLD_HEADER = (
    "image_id,x1,y1,x2,y2,width,height,bbox_name,annot_id,original_x1,original_x2,original_y1,"
    "original_y2,original_width,original_height,annotator,coord224,coord_original"
)


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into ``out``; returns what was planted, trap → ids of its records."""
    studies = [s for s in read_studies(cohort / "studies.parquet") if s.regions]
    planted: dict[str, list[str]] = {}
    lists: dict[str, list[str]] = {name: [] for name in _LISTS}
    with atomic_folder(out) as aside:
        graphs = aside / "silver_dataset" / "scene_graph"
        graphs.mkdir(parents=True)
        for study in studies:
            view = study.views[0]
            graph = _graph(study, view)
            _spoil(graph, study, studies, planted)
            (graphs / f"{mimic_dicom(view.id)}_SceneGraph.json").write_text(json.dumps(graph))
            lists[_LISTS[numbers(study.id)[0] % 3]].append(_listed(study, view))
        against = [s for s in studies if s.split == "test" and numbers(s.id)[0] % 3 == 0]
        planted["train_list_but_test"] = [mimic_study(s.id) for s in against]
        lists["test"].append(_missing(planted))
        for name, lines in lists.items():
            _write_list(aside / f"silver_dataset/splits/{name}.csv", lines)
        _gold(aside, studies, planted)
    return planted


def _graph(study: Study, view: View) -> dict[str, Any]:
    dicom = mimic_dicom(view.id)
    objects = [_object(dicom, r.name, r.box, view) for r in study.regions if r.view == view.id]
    return {
        "image_id": dicom,
        "viewpoint": view.projection,
        "patient_id": int(mimic_subject(study.id)),
        "study_id": int(mimic_study(study.id)),
        "gender": study.sex,
        "objects": objects,
        "attributes": [],
        "relationships": [],
    }


def _object(dicom: str, name: str, box: Box, view: View) -> dict[str, Any]:
    width, height = SCALE * (view.width or 0), SCALE * (view.height or 0)
    x1, x2 = round(box.x1 * width), round(box.x2 * width)
    y1, y2 = round(box.y1 * height), round(box.y2 * height)
    small = 224 / max(width, height)
    left, top = (224 - width * small) / 2, (224 - height * small) / 2
    return {
        "object_id": f"{dicom}_{name}",
        "x1": round(x1 * small + left),
        "y1": round(y1 * small + top),
        "x2": round(x2 * small + left),
        "y2": round(y2 * small + top),
        "width": round((x2 - x1) * small),
        "height": round((y2 - y1) * small),
        "bbox_name": name,
        "synsets": [],
        "name": name.capitalize(),
        "original_x1": x1,
        "original_y1": y1,
        "original_x2": x2,
        "original_y2": y2,
        "original_width": x2 - x1,
        "original_height": y2 - y1,
    }


def _spoil(
    graph: dict[str, Any], study: Study, studies: Sequence[Study], planted: dict[str, list[str]]
) -> None:
    """In the first three graphs: an inverted box, one past the edge, a region of another name."""
    dicom, first = graph["image_id"], graph["objects"][0]
    extra = dict(first)
    if study is studies[0]:
        extra |= {"bbox_name": "inverted", "original_x1": 50, "original_x2": 10}
        planted["inverted_box"] = [f"{dicom}: inverted"]
    elif study is studies[1]:
        extra |= {"bbox_name": "descending aorta", "original_x1": -20, "original_x2": 10**6}
        planted["past_the_edge"] = [dicom]
    elif study is studies[2]:
        planted["region_twice"] = [f"{dicom}: {first['bbox_name']}"]
    else:
        return
    graph["objects"].append(extra)


def _listed(study: Study, view: View) -> str:
    dicom = mimic_dicom(view.id)
    path = f"{mimic_folder(study.id)}/{dicom}.dcm"
    ids = mimic_subject(study.id), mimic_study(study.id), dicom
    return ",".join((*ids, path, str(view.projection)))


def _missing(planted: dict[str, list[str]]) -> str:
    dicom = mimic_dicom("no graph")
    planted["no_scene_graph"] = [dicom]
    return f"19999999,59999999,{dicom},files/p19/p19999999/s59999999/{dicom}.dcm,AP"


def _write_list(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = ",subject_id,study_id,dicom_id,path,ViewPosition"
    numbered = [f"{number},{line}" for number, line in enumerate(lines)]
    path.write_text("\n".join([header, *numbered]) + "\n", encoding="utf-8")


def _gold(out: Path, studies: Sequence[Study], planted: dict[str, list[str]]) -> None:
    """The last patient's images are to be avoided and have boxes by radiologists."""
    patient = studies[-1].patient
    ours = [study for study in studies if study.patient == patient]
    planted["gold_patient"] = [mimic_subject(ours[0].id)]
    avoid = ["subject_id,study_id,dicom_id,path,ViewPosition"]
    lines = [_GOLD_HEADER]
    for study in ours:
        view = study.views[0]
        avoid.append(_listed(study, view))
        for number, one in enumerate(_graph(study, view)["objects"]):
            small = (one[k] for k in ("x1", "y1", "x2", "y2", "width", "height"))
            order = ("x1", "x2", "y1", "y2", "width", "height")
            full = (one[f"original_{k}"] for k in order)
            cells = [f"{mimic_dicom(view.id)}.dcm", *small, one["bbox_name"], number, *full]
            lines.append(",".join(map(str, [*cells, "X", "", ""])))
    text = "\n".join(avoid) + "\n"
    (out / "silver_dataset/splits/images_to_avoid.csv").write_text(text, encoding="utf-8")
    gold = out / "gold_dataset" / "gold_bbox_coordinate_annotations_1000images.csv"
    gold.parent.mkdir()
    gold.write_text("\n".join(lines) + "\n", encoding="utf-8")
