"""CheXpert's release, written from a simulated cohort, gives the cohort back."""

from __future__ import annotations

import csv
import gzip
import shutil
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from radvlm.errors import ImageError, TableError
from radvlm.io.image import image_size, read_image
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import Study
from radvlm.sources.chexpert import ChexpertSource
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases.chexpert import study_id, view_id, write
from radvlm.vocabulary import CHEXPERT_14

FOLDERS = {"train": "train", "validate": "valid", "test": "test"}
LOST = ("bad_label", "contradicting_labels", "missing_image", "escaping_path")
VIEW = "CheXpert-v1.0/train/patient00777/study1/view1_frontal.jpg"

Planted = dict[str, list[str]]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chexpert") / "cohort"
    make_cohort(PhantomConfig(patients=12, size=64, seed=5, lateral=0.5), path)
    return path


@pytest.fixture(scope="module")
def release(cohort: Path) -> tuple[Path, Planted]:
    root = cohort.parent / "CheXpert-v1.0-small"
    return root, write(cohort, root)


@pytest.fixture(scope="module")
def truth(cohort: Path) -> dict[str, Study]:
    return {study_id(study): study for study in read_studies(cohort / "studies.parquet")}


@pytest.fixture
def copy(release: tuple[Path, Planted], tmp_path: Path) -> Path:
    return shutil.copytree(release[0], tmp_path / "copy")


def read(root: Path) -> dict[str, Study]:
    return {study.id: study for study in ChexpertSource(root).studies()}


def without_paths(studies: dict[str, Study]) -> dict[str, Study]:
    return {
        key: replace(study, views=tuple(replace(view, path="") for view in study.views))
        for key, study in studies.items()
    }


def rewrite(path: Path, change: dict[str, str], rows: slice) -> None:
    """The table with some cells of some rows changed, in plain UTF-8."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    for row in table[rows]:
        row.update(change)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def test_patients_splits_and_views_are_those_of_the_cohort(
    release: tuple[Path, Planted], truth: dict[str, Study]
) -> None:
    studies = read(release[0])
    assert {study.split for study in truth.values()} == set(FOLDERS)
    for key, true in truth.items():
        study = studies[key]
        number = int((true.patient or "").removeprefix("p"))
        assert study.patient == f"patient{number + 1:05d}" and study.split == true.split
        assert key.startswith(f"{FOLDERS[str(true.split)]}/{study.patient}/study")
        views = {view_id(true, view): view for view in true.views}
        assert {view.id for view in study.views} == set(views)
        for view in study.views:
            # The table of the test set does not tell PA from AP.
            said = views[view.id].projection
            open_ = "FRONTAL" if true.split == "test" and said != "LATERAL" else said
            assert view.projection == open_
            size = views[view.id].width, views[view.id].height
            assert image_size(Path(view.path)) == size
        about = (None, None) if true.split == "test" else (true.sex, min(true.age or 0, 90))
        assert (study.sex, study.age) == about


def test_labels_are_those_of_the_cohort_and_of_who_said_them(
    release: tuple[Path, Planted], truth: dict[str, Study]
) -> None:
    studies = read(release[0])
    normal = 0
    for key, true in truth.items():
        said = {finding.name: finding.status for finding in studies[key].findings}
        expected = {f.name: f.status for f in true.findings if f.name in CHEXPERT_14}
        if true.split == "train" and expected["No Finding"] == "absent":
            del expected["No Finding"]
        assert said == expected
        origin = "chexpert" if true.split == "train" else "radiologist"
        assert {(f.origin, f.view) for f in studies[key].findings} == {(origin, None)}
        normal += said.get("No Finding") == "present"
    assert 0 < normal < len(truth)


def test_exactly_what_was_planted_is_left_out(release: tuple[Path, Planted]) -> None:
    root, planted = release
    source = ChexpertSource(root)
    studies = {study.id: study for study in source.studies()}
    left_out = [planted[trap][0] for trap in (*LOST, "duplicated_row")]
    assert Counter(lost.where for lost in source.quarantine) == Counter(left_out)
    assert not [key for key in studies if any(planted[trap][0].startswith(key) for trap in LOST)]


def test_uncertain_and_blank_labels_and_two_frontals(release: tuple[Path, Planted]) -> None:
    root, planted = release
    studies = read(root)
    unsure = studies[planted["uncertain"][0]]
    said = {finding.name: finding.status for finding in unsure.findings}
    assert said == {"Edema": "uncertain", "Pneumonia": "uncertain"}
    assert [view.projection for view in unsure.views] == ["PA", "AP"]
    blank = studies[planted["blank"][0]]
    assert (blank.findings, blank.sex, blank.age) == ((), None, None)
    assert [view.projection for view in blank.views] == ["FRONTAL"]


def test_a_damaged_image_is_for_its_reader_to_refuse(release: tuple[Path, Planted]) -> None:
    (view,) = read(release[0])[release[1]["corrupt"][0]].views
    with pytest.raises(ImageError):
        read_image(Path(view.path))


def test_the_folder_above_packed_tables_a_link_and_read_only(
    release: tuple[Path, Planted], tmp_path: Path
) -> None:
    root = tmp_path / "above" / "CheXpert-v1.0-small"
    shutil.copytree(release[0], root)
    for name in ("train.csv", "test.csv"):
        (root / f"{name}.gz").write_bytes(gzip.compress((root / name).read_bytes()))
        (root / name).unlink()
    (tmp_path / "link").symlink_to(root.parent)
    root.chmod(0o555)
    try:
        assert without_paths(read(tmp_path / "link")) == without_paths(read(release[0]))
    finally:
        root.chmod(0o755)


def test_the_batches_of_the_full_release(release: tuple[Path, Planted], tmp_path: Path) -> None:
    tables = tmp_path / "CheXpert-v1.0 batch 1 (validate & csv)"
    shutil.copytree(release[0], tables)
    batches = [tmp_path / f"CheXpert-v1.0 batch {n + 2} (train {n + 1})" for n in range(2)]
    for number, patient in enumerate(sorted((tables / "train").iterdir())):
        batches[number % 2].mkdir(exist_ok=True)
        patient.rename(batches[number % 2] / patient.name)
    (tables / "train").rmdir()
    assert without_paths(read(tmp_path)) == without_paths(read(release[0]))


@pytest.mark.parametrize("table", ["test_labels.csv", "groundtruth.csv"])
def test_the_labels_of_the_test_set_by_other_names(
    release: tuple[Path, Planted], copy: Path, table: str
) -> None:
    if table == "groundtruth.csv":
        (copy / "test.csv").unlink()
    else:
        (copy / "test.csv").rename(copy / table)
    assert without_paths(read(copy)) == without_paths(read(release[0]))


def test_dicom_and_png_are_found(release: tuple[Path, Planted], copy: Path) -> None:
    for number, path in enumerate(sorted(copy.rglob("*.jpg"))):
        path.rename(path.with_suffix((".dcm", ".png")[number % 2]))
    assert without_paths(read(copy)) == without_paths(read(release[0]))


def test_a_study_keeps_its_other_views(truth: dict[str, Study], copy: Path) -> None:
    two = next(key for key, study in truth.items() if len(study.views) == 2)
    frontal, lateral = (view_id(truth[two], view) for view in truth[two].views)
    (copy / f"{frontal}.jpg").unlink()
    source = ChexpertSource(copy)
    study = {study.id: study for study in source.studies()}[two]
    assert [view.id for view in study.views] == [lateral]
    assert frontal in {lost.where for lost in source.quarantine}


@pytest.mark.parametrize(
    "path",
    [
        "/train/patient00777/study1/view1_frontal.jpg",
        "../train/patient00777/study1/view1_frontal.jpg",
        VIEW.replace("study1", ".."),
        VIEW.replace("_frontal", "_frontal\0"),
        f"{VIEW}\n",
        VIEW.replace("train", "valid"),
        "",
    ],
)
def test_no_path_in_the_table_leads_out_of_the_root(copy: Path, path: str) -> None:
    whole = sum(len(study.views) for study in read(copy).values())
    (copy.parent / "train" / "patient00777" / "study1").mkdir(parents=True)
    (copy.parent / "train" / "patient00777" / "study1" / "view1_frontal.jpg").write_bytes(b"x")
    rewrite(copy / "train.csv", {"Path": path}, slice(0, 1))
    source = ChexpertSource(copy)
    views = [view for study in source.studies() for view in study.views]
    assert len(views) == whole - 1
    assert all(Path(view.path).resolve().is_relative_to(copy.resolve()) for view in views)
    assert path in {lost.where for lost in source.quarantine}


@pytest.mark.parametrize("linked", ["view1_frontal.jpg", "."])
def test_no_link_leads_out_of_the_root(copy: Path, tmp_path: Path, linked: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "view1_frontal.jpg").write_bytes(b"x")
    study = copy / "train" / "patient00777" / "study1"
    study.parent.mkdir()
    if linked == ".":
        study.symlink_to(secret)
    else:
        study.mkdir()
        (study / linked).symlink_to(secret / linked)
    rewrite(copy / "train.csv", {"Path": VIEW}, slice(0, 1))
    source = ChexpertSource(copy)
    assert "patient00777" not in {study.patient for study in source.studies()}
    reasons = {lost.where: lost.reason for lost in source.quarantine}
    assert "does not stay below" in reasons["train/patient00777/study1/view1_frontal"]


@pytest.mark.parametrize("cell", ["2.0", "x", "1,0", "\x1f1.0"])
def test_a_bad_label_costs_its_study_alone(copy: Path, cell: str) -> None:
    before = set(read(copy))
    row = {"Path": VIEW, "Edema": cell}
    image = copy / VIEW.removeprefix("CheXpert-v1.0/")
    image.parent.mkdir(parents=True)
    image.write_bytes(b"x")
    rewrite(copy / "train.csv", row, slice(-2, -1))
    source = ChexpertSource(copy)
    assert before - {study.id for study in source.studies()} <= {"train/patient90006/study1"}
    lost = [lost for lost in source.quarantine if lost.where == "train/patient00777/study1"]
    assert len(lost) == 1


def test_slices_share_the_patients_in_order(release: tuple[Path, Planted]) -> None:
    whole = ChexpertSource(release[0])
    keys = [study_key(study) for study in whole.studies()]
    assert keys == sorted(keys)
    parts, lost = [], []
    for index in range(3):
        source = ChexpertSource(release[0])
        parts.append([study_key(s) for s in source.studies(Slice(frozenset({index}), 3))])
        lost += source.quarantine
    assert sorted(chain.from_iterable(parts)) == keys
    assert all(part == sorted(part) for part in parts)
    patients = [{patient for _, patient, _ in part} for part in parts]
    assert sum(map(len, patients)) == len(set.union(*patients))
    assert Counter(lost) == Counter(whole.quarantine)


def test_a_part_of_the_release_and_none(copy: Path, tmp_path: Path) -> None:
    (copy / "train.csv").unlink()
    (copy / "test.csv").unlink()
    (copy / "groundtruth.csv").unlink()
    assert {study.split for study in read(copy).values()} == {"validate"}
    text = (copy / "valid.csv").read_text().replace("Fracture", "Broken")
    (copy / "valid.csv").write_text(text)
    with pytest.raises(TableError, match="Fracture"):
        read(copy)
    with pytest.raises(TableError, match=r"train\.csv"):
        read(tmp_path)


def test_the_same_cohort_writes_the_same_bytes(
    release: tuple[Path, Planted], cohort: Path, tmp_path: Path
) -> None:
    assert write(cohort, tmp_path / "again") == release[1]
    for path in (p for p in release[0].rglob("*") if p.is_file()):
        again = tmp_path / "again" / path.relative_to(release[0])
        assert again.read_bytes() == path.read_bytes()
