"""NIH ChestX-ray14, written from a simulated cohort, gives the cohort back."""

from __future__ import annotations

import gzip
import shutil
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from radvlm.errors import TableError
from radvlm.io.image import read_image
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import Box, Study, View
from radvlm.sources.nih_cxr14 import NihCxr14Source, age_of
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases.nih_cxr14 import image_id, write

ENTRIES, BOXES = "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv"
SAME = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
NAMES = {
    **{name: name for name in (*SAME, "Pneumonia", "Pneumothorax")},
    "Lung Lesion": "Nodule",
    "Pleural Other": "Pleural_Thickening",
}
NEVER = {"Emphysema", "Fibrosis", "Hernia", "Infiltration", "Mass"}
BOXED = set(NAMES) - {"Consolidation", "Edema", "Pleural Other"}
LOST = ("missing_image", "unknown_label", "contradicting_rows", "escaping_path")
NOTED = ("box_outside", "box_empty", "box_unknown_label", "box_without_image")
TWICE = ("duplicated_row", "duplicated_box")

Planted = dict[str, list[str]]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nih") / "cohort"
    make_cohort(PhantomConfig(patients=12, size=64, seed=5, lateral=0.5), path)
    return path


@pytest.fixture(scope="module")
def release(cohort: Path) -> tuple[Path, Planted]:
    root = cohort.parent / "release"
    return root, write(cohort, root)


@pytest.fixture(scope="module")
def truth(cohort: Path) -> dict[str, tuple[Study, View]]:
    """Study and frontal view by image."""
    studies = read_studies(cohort / "studies.parquet")
    views = ((s, v) for s in studies for v in s.views if v.projection != "LATERAL")
    return {image_id(view): (study, view) for study, view in views}


@pytest.fixture
def copy(release: tuple[Path, Planted], tmp_path: Path) -> Path:
    return shutil.copytree(release[0], tmp_path / "copy")


def read(root: Path) -> dict[str, Study]:
    return {study.id: study for study in NihCxr14Source(root).studies()}


def without_paths(studies: dict[str, Study]) -> dict[str, Study]:
    return {
        key: replace(study, views=tuple(replace(view, path="") for view in study.views))
        for key, study in studies.items()
    }


def append(path: Path, *lines: str) -> None:
    with path.open("a", newline="") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_patients_splits_and_views_are_those_of_the_cohort(
    release: tuple[Path, Planted], truth: dict[str, tuple[Study, View]], cohort: Path
) -> None:
    studies = read(release[0])
    assert set(truth) <= set(studies)
    for key, (true, drawn) in truth.items():
        study, (view,) = studies[key], studies[key].views
        assert study.patient == str(int(key[:8]))
        assert study.patient == str(int((true.patient or "").removeprefix("p")) + 1)
        assert study.split == ("test" if true.split == "test" else "train")
        assert (study.sex, study.age, view.projection) == (true.sex, true.age, drawn.projection)
        assert (view.id, view.width, view.height) == (key, 1024, 1024)
        assert (read_image(Path(view.path)) == read_image(cohort / drawn.path)).all()


def test_labels_are_those_of_the_cohort_and_a_closed_list(
    release: tuple[Path, Planted], truth: dict[str, tuple[Study, View]]
) -> None:
    studies = read(release[0])
    normal = 0
    for key, (true, _) in truth.items():
        mined = [f for f in studies[key].findings if f.origin == "text_mined"]
        said = {finding.name: finding.status for finding in mined}
        assert len(said) == len(mined) == 15
        present = {f.name for f in true.findings if f.status == "present"} & set(NAMES)
        for name, label in NAMES.items():
            assert said[label] == ("present" if name in present else "absent"), name
        assert {said[name] for name in NEVER} == {"absent"}
        assert said["No Finding"] == ("absent" if present else "present")
        normal += not present
    assert 0 < normal < len(truth)


def test_boxes_are_those_of_the_cohort(
    release: tuple[Path, Planted], truth: dict[str, tuple[Study, View]]
) -> None:
    studies = read(release[0])
    count = 0
    for key, (true, drawn) in truth.items():
        said = {f.name: f for f in studies[key].findings if f.origin == "radiologist"}
        boxed = {f.name: f.boxes for f in true.findings if f.boxes and f.view == drawn.id}
        assert set(said) == {NAMES[name] for name in boxed.keys() & BOXED}
        for name in boxed.keys() & BOXED:
            finding = said[NAMES[name]]
            assert (finding.status, finding.view) == ("present", key)
            for box, exact in zip(finding.boxes, boxed[name], strict=True):
                corners = (box.x1, box.y1, box.x2, box.y2)
                wanted = (exact.x1, exact.y1, exact.x2, exact.y2)
                assert corners == pytest.approx(wanted, abs=0.5 / 1024)
                count += 1
    assert count > len(truth) / 2


def test_exactly_what_was_planted_is_left_out(release: tuple[Path, Planted]) -> None:
    root, planted = release
    source = NihCxr14Source(root)
    studies = {study.id: study for study in source.studies()}
    left_out = [planted[trap][0] for trap in (*LOST, *NOTED, *TWICE)]
    assert Counter(lost.where for lost in source.quarantine) == Counter(left_out)
    gone = {planted[trap][0] for trap in (*LOST, "box_without_image")}
    assert not gone & {f"{key}.png" for key in studies}
    assert {planted[trap][0] for trap in NOTED[:3]} <= {f"{key}.png" for key in studies}
    assert studies[planted["impossible_age"][0].removesuffix(".png")].age is None
    (infiltrate,) = (
        finding
        for finding in studies[planted["infiltrate"][0].removesuffix(".png")].findings
        if finding.origin == "radiologist"
    )
    assert infiltrate.name == "Infiltration"
    assert infiltrate.boxes == (Box(0.5, 0.25, 0.75, 0.375),)


def test_the_table_of_2017(copy: Path) -> None:
    later = read(copy)
    lines = (copy / ENTRIES).read_text("utf-8-sig").replace("Gender", "Sex").splitlines()
    cells = [line.split(",") for line in lines[1:]]
    old = [",".join([*c[:4], f"{int(c[4]):03d}Y", *c[5:], ""]) for c in cells]
    (copy / "Data_Entry_2017.csv").write_text("\n".join([f"{lines[0]},", *old]))
    (copy / ENTRIES).unlink()
    assert read(copy) == later


@pytest.mark.parametrize(
    ("cell", "age"),
    [("058Y", 58), ("58", 58), ("006M", 0.5), ("000D", 0), ("0", 0), ("414Y", None), ("", None)],
)
def test_ages(cell: str, age: float | None) -> None:
    assert age_of(cell) == age


def test_one_folder_packed_tables_a_link_and_read_only(
    release: tuple[Path, Planted], copy: Path, tmp_path: Path
) -> None:
    (copy / "images").mkdir()
    for path in list(copy.glob("images_*/images/*.png")):
        path.rename(copy / "images" / path.with_suffix(".jpg").name)
    for folder in copy.glob("images_*"):
        shutil.rmtree(folder)
    for name in (ENTRIES, BOXES):
        (copy / f"{name}.gz").write_bytes(gzip.compress((copy / name).read_bytes()))
        (copy / name).unlink()
    (tmp_path / "link").symlink_to(copy)
    copy.chmod(0o555)
    try:
        found = read(tmp_path / "link")
    finally:
        copy.chmod(0o755)
    assert without_paths(found) == without_paths(read(release[0]))


def test_without_boxes_and_lists(release: tuple[Path, Planted], copy: Path) -> None:
    for name in (BOXES, "train_val_list.txt", "test_list.txt"):
        (copy / name).unlink()
    found, whole = read(copy), read(release[0])
    assert set(found) == set(whole)
    assert {study.split for study in found.values()} == {None}
    assert not any(f.boxes for study in found.values() for f in study.findings)


def test_lists_that_contradict_each_other(copy: Path) -> None:
    lines = (copy / "test_list.txt").read_text().splitlines()
    append(copy / "train_val_list.txt", lines[0])
    with pytest.raises(TableError, match="test_list"):
        read(copy)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../secret.png", "a\0b.png", "", "notes.png"])
def test_no_name_in_the_table_leads_out_of_the_root(copy: Path, name: str) -> None:
    (copy.parent / "secret.png").write_bytes(b"x")
    (copy / "notes.png").write_bytes(b"x")
    before = read(copy)
    append(copy / ENTRIES, f"{name},Edema,0,777,50,F,PA,9,9,0.1,0.1")
    source = NihCxr14Source(copy)
    assert {study.id: study for study in source.studies()} == before
    assert name in {lost.where for lost in source.quarantine}


def test_no_link_leads_out_of_the_root(copy: Path) -> None:
    (copy.parent / "secret.png").write_bytes(b"x")
    link = copy / "images_001" / "images" / "00000777_000.png"
    link.symlink_to(copy.parent / "secret.png")
    append(copy / ENTRIES, f"{link.name},Edema,0,777,50,F,PA,9,9,0.1,0.1")
    source = NihCxr14Source(copy)
    assert "00000777_000" not in {study.id for study in source.studies()}
    assert "does not stay below" in {q.where: q.reason for q in source.quarantine}[link.name]


@pytest.mark.parametrize("box", ["a,1,1,1", "nan,1,1,1", "1,1,1", "5,5,-1,4", "-9,0,9,9"])
def test_a_bad_box_costs_itself_alone(
    copy: Path, truth: dict[str, tuple[Study, View]], box: str
) -> None:
    before = read(copy)
    name = next(iter(truth))
    append(copy / BOXES, f"{name}.png,Mass,{box},,,")
    source = NihCxr14Source(copy)
    assert {study.id: study for study in source.studies()} == before
    assert f"{name}.png" in {lost.where for lost in source.quarantine}


def test_a_box_over_the_edge_is_clipped(copy: Path, truth: dict[str, tuple[Study, View]]) -> None:
    name = next(iter(truth))
    append(copy / BOXES, f"{name}.png,Mass,960,-64,128,128,,,")
    (mass,) = (f for f in read(copy)[name].findings if f.name == "Mass" and f.boxes)
    assert mass.boxes == (Box(0.9375, 0, 1, 0.0625),)


def test_an_image_of_two_patients_is_nobody_s(copy: Path) -> None:
    image = "00000001_000.png"
    append(copy / ENTRIES, f"{image},Edema,0,777,50,F,PA,9,9,0.1,0.1")
    source = NihCxr14Source(copy)
    assert "00000001_000" not in {study.id for study in source.studies()}
    reasons = [lost.reason for lost in source.quarantine if lost.where == image]
    assert sum("contradict" in reason for reason in reasons) == 2


def test_damaged_tables(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="Data_Entry"):
        read(tmp_path / "nowhere")
    (copy / BOXES).write_text("a,b\n1,2\n")
    with pytest.raises(TableError, match="BBox"):
        read(copy)
    text = (copy / ENTRIES).read_text("utf-8-sig").replace("Patient ID", "Patient")
    (copy / ENTRIES).write_text(text)
    with pytest.raises(TableError, match="Patient ID"):
        read(copy)


def test_slices_share_the_patients_in_order(release: tuple[Path, Planted]) -> None:
    whole = NihCxr14Source(release[0])
    studies = list(whole.studies())
    assert [study_key(study) for study in studies] == sorted(map(study_key, studies))
    parts, lost = [], []
    for index in range(3):
        source = NihCxr14Source(release[0])
        parts.append(list(source.studies(Slice(frozenset({index}), 3))))
        lost += source.quarantine
    assert sorted(chain.from_iterable(parts), key=study_key) == studies
    patients = [{study.patient for study in part} for part in parts]
    assert sum(map(len, patients)) == len(set.union(*patients))
    assert Counter(lost) == Counter(whole.quarantine)


def test_the_same_cohort_writes_the_same_bytes(
    release: tuple[Path, Planted], cohort: Path, tmp_path: Path
) -> None:
    assert write(cohort, tmp_path / "again") == release[1]
    for path in (p for p in release[0].rglob("*") if p.is_file()):
        again = tmp_path / "again" / path.relative_to(release[0])
        assert again.read_bytes() == path.read_bytes()
