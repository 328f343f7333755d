from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radvlm.errors import RecipeError, TableError
from radvlm.records import Study
from radvlm.sources.folder import FolderSource, split_of

Rows = list[dict[str, str]]


def folder(tmp_path: Path, rows: Rows, config: str = "", images: bool = True) -> FolderSource:
    root = tmp_path / "images"
    root.mkdir(exist_ok=True)
    for row in rows:
        target = root / row["file"]
        if images and ".." not in row["file"] and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((40, 50), dtype=np.uint8)).save(target)
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["file"])
        writer.writeheader()
        writer.writerows(rows)
    if config:
        (root / "folder.yaml").write_text(config)
    return FolderSource(root)


def only(source: FolderSource) -> Study:
    (study,) = source.studies()
    return study


def said(study: Study) -> dict[str, str]:
    return {finding.name: finding.status for finding in study.findings}


def test_the_simplest_manifest_needs_no_configuration_and_is_private(tmp_path: Path) -> None:
    study = only(folder(tmp_path, [{"file": "a.png", "patient": "p", "labels": "Edema;Hernia"}]))
    assert said(study) == {"Edema": "present", "Hernia": "present"}
    assert study.access == "private" and study.patient == "p"
    view = study.views[0]
    assert (view.width, view.height, view.projection) == (50, 40, "UNKNOWN")


def test_an_empty_cell_is_not_known_and_never_negative(tmp_path: Path) -> None:
    config = "columns: {scheme: scheme}\nlabels: {closed: {s: [Edema]}}\n"
    rows = [
        {"file": "a.png", "patient": "p", "labels": "", "scheme": "s"},
        {"file": "b.png", "patient": "q", "labels": "Hernia", "scheme": "s"},
    ]
    first, second = folder(tmp_path, rows, config).studies()
    assert said(first) == {}
    assert said(second) == {"Hernia": "present", "Edema": "absent"}


def test_a_label_table_maps_ignores_and_quarantines(tmp_path: Path) -> None:
    config = "columns: {scheme: scheme}\nlabels: {table: labels.csv}\n"
    rows = [
        {"file": "a.png", "patient": "p", "labels": "Erguss;Kohorte", "scheme": "de"},
        {"file": "b.png", "patient": "q", "labels": "Unbekannt", "scheme": "de"},
    ]
    root = tmp_path / "images"
    root.mkdir()
    (root / "labels.csv").write_text(
        "scheme,label,name,status,comment\n"
        "de,Erguss,Pleural Effusion,present,\n"
        "de,Erguss,No Finding,absent,says two things\n"
        "de,Kohorte,,ignore,says nothing of the picture\n"
    )
    source = folder(tmp_path, rows, config)
    assert said(only(source)) == {"Pleural Effusion": "present", "No Finding": "absent"}
    (lost,) = source.quarantine
    assert lost.where == "b.png" and "vocabulary" in lost.reason


@pytest.mark.parametrize("unit", ["fraction", "pixel"])
def test_boxes_of_lungs_are_regions_and_others_belong_to_findings(
    tmp_path: Path, unit: str
) -> None:
    scale = (50, 40) if unit == "pixel" else (1, 1)

    def box(*corners: float) -> list[float]:
        return [corner * scale[k % 2] for k, corner in enumerate(corners)]

    boxes = [
        {"label": "right lung", "box": box(0.1, 0.1, 0.4, 0.9)},
        {"label": "Nodule", "box": box(0.5, 0.5, 0.6, 0.75)},
    ]
    row = {"file": "a.png", "patient": "p", "labels": "Edema", "boxes": json.dumps(boxes)}
    study = only(folder(tmp_path, [row], f"columns: {{boxes: boxes}}\nbox_unit: {unit}\n"))
    assert [region.name for region in study.regions] == ["right lung"]
    assert said(study) == {"Edema": "present", "Nodule": "present"}
    assert study.findings[1].boxes[0].y2 == pytest.approx(0.75)


@pytest.mark.parametrize(
    "box", [[0.5, 0.1, 0.4, 0.9], [0.1, 0.1, 0.4, 1.2], [0.1, 0.1, 0.4], "x", None]
)
def test_a_wrong_box_puts_its_record_into_quarantine(tmp_path: Path, box: object) -> None:
    cell = json.dumps([{"label": "right lung", "box": box}])
    good = {"file": "b.png", "patient": "q", "labels": "", "boxes": ""}
    rows = [{"file": "a.png", "patient": "p", "labels": "", "boxes": cell}, good]
    source = folder(tmp_path, rows, "columns: {boxes: boxes}\n")
    assert only(source).id == "b.png"
    assert [lost.where for lost in source.quarantine] == ["a.png"]


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "gone.png"])
def test_an_image_outside_the_root_or_missing_is_quarantined(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    rows = [{"file": name, "patient": "p", "labels": ""}]
    source = folder(tmp_path, rows, images=False)
    assert not list(source.studies()) and len(source.quarantine) == 1


def test_rows_are_left_out_by_rule_and_counted(tmp_path: Path) -> None:
    config = (
        "leave_out:\n  - {column: dup, reason: duplicate}\n"
        "  - {column: kind, values: [dog], reason: not a human}\n"
    )
    rows = [
        {"file": f"{k}.png", "patient": "p", "labels": "", "dup": dup, "kind": kind}
        for k, (dup, kind) in enumerate([("", "man"), ("1", "man"), ("", "dog")])
    ]
    source = folder(tmp_path, rows, config)
    assert only(source).id == "0.png"
    assert source.left_out == Counter({"duplicate": 1, "not a human": 1})


def test_rows_of_one_study_become_one_study(tmp_path: Path) -> None:
    rows = [
        {"file": f"{k}.png", "patient": "p", "labels": "Edema", "study": "s", "view": view}
        for k, view in enumerate(["PA", "Lateral"])
    ]
    study = only(folder(tmp_path, rows, "columns: {study: study, view: view}\n"))
    assert [view.projection for view in study.views] == ["PA", "LATERAL"] and study.id == "s"


def test_groups_say_whose_patients_and_whose_figures(tmp_path: Path) -> None:
    config = (
        "groups: {column: from, names: {a: {family: f, source: x}, b: {family: f, source: y}}}\n"
    )
    rows = [
        {"file": "1.png", "patient": "p", "labels": "", "from": "a"},
        {"file": "2.png", "patient": "p", "labels": "", "from": "b"},
        {"file": "3.png", "patient": "p", "labels": "", "from": "c"},
    ]
    source = folder(tmp_path, rows, config)
    first, second = source.studies()
    assert (first.family, first.sources) == ("f", ("x",)) and second.sources == ("y",)
    assert first.split == second.split and len(source.quarantine) == 1


def test_splits_are_seven_one_two_by_patient_and_stable() -> None:
    drawn = Counter(split_of("f", f"patient {k}") for k in range(20_000))
    assert drawn["train"] == pytest.approx(14_000, abs=250)
    assert drawn["validate"] == pytest.approx(2_000, abs=170)
    assert split_of("f", "1") == split_of("f", "1")


def test_columns_kept_stay_with_the_study(tmp_path: Path) -> None:
    row = {"file": "a.png", "patient": "p", "labels": "", "licence": "CC0", "note": "x"}
    study = only(folder(tmp_path, [row], "columns: {keep: [licence], texts: {findings: note}}\n"))
    assert study.texts == {"column.licence": "CC0", "findings": "x"}


def test_a_manifest_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        list(FolderSource(tmp_path).studies())
    with pytest.raises(TableError, match="no rows"):
        list(folder(tmp_path, []).studies())
    rows = [{"file": "a.png", "patient": "p", "labels": ""}]
    with pytest.raises(TableError, match="'breed'"):
        list(folder(tmp_path, rows, "columns: {sex: breed}\n").studies())


def test_an_unknown_key_of_the_configuration_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"Did you mean 'columns\.patient'"):
        folder(tmp_path, [{"file": "a.png"}], "columns: {patients: x}\n")


def test_the_real_collection_is_read_whole(real_cxr: Path) -> None:
    config = Path(__file__).parents[2] / "recipes" / "real_cxr" / "folder.yaml"
    source = FolderSource(real_cxr, config)
    studies = list(source.studies())
    # Its README: 2,018 distinct images of 2,032 rows, one of them of an animal.
    assert len(studies) == 2017 and not source.quarantine
    assert source.left_out == Counter({"duplicate of another row": 14, "not a human": 1})
    assert sum(len(study.regions) == 2 for study in studies) == 761
    splits: dict[tuple[str, str], set[str]] = {}
    for study in studies:
        splits.setdefault((study.family, str(study.patient)), set()).add(str(study.split))
    assert all(len(found) == 1 for found in splits.values())
