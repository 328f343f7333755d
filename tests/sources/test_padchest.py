"""PadChest's release, written from a simulated cohort, gives the cohort back."""

from __future__ import annotations

import csv
import gzip
import shutil
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from radvlm.errors import RecordError, TableError
from radvlm.io.image import image_size, read_image
from radvlm.io.limits import stretch
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import Study
from radvlm.sources.padchest import PadchestSource, labels_of
from radvlm.sources.padchest_tables import TABLE, read_master
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases.padchest import image_id, patient_id, study_id, write

NAMES = {
    "Pleural Effusion": "Pleural Effusion",
    "Cardiomegaly": "Cardiomegaly",
    "Edema": "pulmonary edema",
    "Fracture": "rib fracture",
    "Pneumothorax": "Pneumothorax",
    "pacemaker": "pacemaker",
    "sternal wires": "sternotomy",
}
SPANISH = {"Pleural Effusion": "derrame pleural", "Pneumothorax": "neumotorax"}
PROJECTIONS = {"PA": "PA", "AP": "AP", "LATERAL": "LATERAL"}

Planted = dict[str, list[str]]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("padchest") / "cohort"
    make_cohort(PhantomConfig(patients=12, size=64, seed=5, lateral=0.5), path)
    return path


@pytest.fixture(scope="module")
def release(cohort: Path) -> tuple[Path, Planted]:
    root = cohort.parent / "release"
    return root, write(cohort, root)


@pytest.fixture(scope="module")
def truth(cohort: Path) -> dict[str, Study]:
    return {study_id(study.id): study for study in read_studies(cohort / "studies.parquet")}


def read(root: Path) -> dict[str, Study]:
    return {study.id: study for study in PadchestSource(root).studies()}


def without_paths(studies: dict[str, Study]) -> dict[str, Study]:
    return {
        key: replace(study, views=tuple(replace(view, path="") for view in study.views))
        for key, study in studies.items()
    }


def rewrite(root: Path, change: dict[str, str], rows: slice) -> None:
    """The table with some cells of some rows changed, in plain UTF-8."""
    with (root / TABLE).open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    for row in table[rows]:
        row.update(change)
    with (root / TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def test_patients_views_and_sizes_are_those_of_the_cohort(
    release: tuple[Path, Planted], truth: dict[str, Study], cohort: Path
) -> None:
    studies = read(release[0])
    assert set(truth) <= set(studies)
    for key, true in truth.items():
        study = studies[key]
        assert study.patient == patient_id(true.id) and study.split is None
        assert (study.sex, study.age) == (true.sex, true.age)
        views = {image_id(view.id): view for view in true.views}
        assert {view.id for view in study.views} == set(views)
        for view in study.views:
            same = views[view.id]
            assert view.projection == PROJECTIONS[same.projection]
            assert (view.width, view.height) == (8 * (same.width or 0), 8 * (same.height or 0))
            assert image_size(Path(view.path)) == (same.width, same.height)
            shown, drawn = read_image(Path(view.path)), read_image(cohort / same.path)
            assert np.abs(shown.astype(int) - stretch(drawn)).max() <= 1


def test_labels_and_reports_are_those_of_the_cohort(
    release: tuple[Path, Planted], truth: dict[str, Study]
) -> None:
    studies = read(release[0])
    origins, normal = set(), 0
    for key, true in truth.items():
        study = studies[key]
        said = {finding.name: finding.status for finding in study.findings}
        assert set(said.values()) == {"present"} and {f.view for f in study.findings} == {None}
        present = {f.name for f in true.findings if f.status == "present"}
        for name, label in NAMES.items():
            assert (label in said) == (name in present), name
            if name in SPANISH:
                assert (SPANISH[name] in study.texts["report"]) == (name in present)
        assert ("No Finding" in said) == (present == {"No Finding"})
        assert "" not in said and "normal" not in said
        origins |= {finding.origin for finding in study.findings}
        normal += "No Finding" in said
    assert origins == {"physician", "rnn"} and 0 < normal < len(truth)


def test_exactly_what_was_planted_is_left_out(release: tuple[Path, Planted]) -> None:
    root, planted = release
    source = PadchestSource(root)
    studies = {view.id: study for study in source.studies() for view in study.views}
    gone = ("missing_image", "bad_labels", "contradicting_rows", "escaping_path")
    left_out = [planted[trap][0] for trap in (*gone, "duplicated_row")]
    assert Counter(lost.where for lost in source.quarantine) == Counter(left_out)
    assert not {planted[trap][0] for trap in gone} & set(studies)
    unlabelled = studies[planted["no_labels"][0]]
    assert unlabelled.findings == () and dict(unlabelled.texts) == {}
    (costal,) = studies[planted["costal"][0]].views
    assert costal.projection == "OTHER"


def test_lying_patients_can_be_left_out_of_the_frontals_as_published(
    release: tuple[Path, Planted], truth: dict[str, Study]
) -> None:
    strict = PadchestSource(release[0], ap_horizontal=False)
    seen = Counter(view.projection for study in strict.studies() for view in study.views)
    usual = Counter(v.projection for s in PadchestSource(release[0]).studies() for v in s.views)
    assert 0 < usual["AP"] - seen["AP"] == seen["OTHER"] - usual["OTHER"]
    assert usual["PA"] == seen["PA"] and usual["LATERAL"] == seen["LATERAL"]


def test_packed_flat_linked_and_read_only(release: tuple[Path, Planted], tmp_path: Path) -> None:
    root = tmp_path / "flat"
    root.mkdir()
    for path in release[0].glob("*/*.png"):
        shutil.copy(path, root / path.name)
    (root / f"{TABLE}.gz").write_bytes(gzip.compress((release[0] / TABLE).read_bytes()))
    (tmp_path / "link").symlink_to(root)
    root.chmod(0o555)
    try:
        assert without_paths(read(tmp_path / "link")) == without_paths(read(release[0]))
    finally:
        root.chmod(0o755)


def test_re_encoded_copies_are_found(release: tuple[Path, Planted], tmp_path: Path) -> None:
    root = tmp_path / "jpeg"
    shutil.copytree(release[0], root)
    for path in list(root.glob("*/*.png")):
        path.rename(path.with_suffix(".jpg"))
    studies = read(root)
    assert without_paths(studies) == without_paths(read(release[0]))
    assert all(view.path.endswith(".jpg") for study in studies.values() for view in study.views)


def test_a_study_keeps_its_other_views(
    release: tuple[Path, Planted], truth: dict[str, Study], tmp_path: Path
) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(release[0], root)
    two = next(study for study in truth.values() if len(study.views) == 2)
    frontal, lateral = (image_id(view.id) for view in two.views)
    next(root.glob(f"*/{frontal}")).unlink()
    source = PadchestSource(root)
    study = {study.id: study for study in source.studies()}[study_id(two.id)]
    assert [view.id for view in study.views] == [lateral]
    assert frontal in {lost.where for lost in source.quarantine}


@pytest.mark.parametrize("name", ["/etc/passwd", "../../secret.png", "a\0b.png", "link.png"])
def test_no_name_in_the_table_leads_out_of_the_root(
    release: tuple[Path, Planted], tmp_path: Path, name: str
) -> None:
    root = tmp_path / "hostile"
    shutil.copytree(release[0], root)
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "0" / "link.png").symlink_to(tmp_path / "secret.png")
    rewrite(root, {"ImageID": name, "ImageDir": "0"}, slice(0, 1))
    source = PadchestSource(root)
    paths = {view.path for study in source.studies() for view in study.views}
    assert all(Path(path).resolve().is_relative_to(root.resolve()) for path in paths)
    assert name in {lost.where for lost in source.quarantine}


def test_slices_share_the_patients_in_order(release: tuple[Path, Planted]) -> None:
    whole = PadchestSource(release[0])
    keys = [study_key(study) for study in whole.studies()]
    assert keys == sorted(keys)
    parts, lost = [], []
    for index in range(3):
        source = PadchestSource(release[0])
        parts.append([study_key(s) for s in source.studies(Slice(frozenset({index}), 3))])
        lost += source.quarantine
    assert sorted(chain.from_iterable(parts)) == keys and all(
        part == sorted(part) for part in parts
    )
    patients = [{patient for _, patient, _ in part} for part in parts]
    assert sum(map(len, patients)) == len(set.union(*patients))
    assert Counter(lost) == Counter(whole.quarantine)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("", ()),
        ("[]", ()),
        ("['normal']", ("normal",)),
        ("['pleural effusion', '', ' loc  right ']", ("pleural effusion", "", "loc right")),
        ('["it\'s", "it\'s"]', ("it's",)),
    ],
)
def test_lists_written_as_text(cell: str, labels: tuple[str, ...]) -> None:
    assert labels_of(cell) == labels


@pytest.mark.parametrize(
    "cell", ["['a'", "nan", "{'a': 1}", "[1]", "['a', ['b']]", "__import__('os')", "[" * 19_000]
)
def test_what_is_no_list_of_texts_is_refused(cell: str) -> None:
    with pytest.raises(RecordError):
        labels_of(cell)


def test_a_root_without_the_table_and_one_without_a_column(
    release: tuple[Path, Planted], tmp_path: Path
) -> None:
    with pytest.raises(TableError, match="PADCHEST"):
        read(tmp_path)
    text = (release[0] / TABLE).read_text(encoding="utf-8-sig").replace("PatientID", "Patient")
    (tmp_path / TABLE).write_text(text, encoding="utf-8")
    with pytest.raises(TableError, match="PatientID"):
        read(tmp_path)


@pytest.mark.parametrize("splits", [("train", "test"), ("train", "holdout")])
def test_a_split_that_cannot_be_names_the_table_and_nobody(
    tmp_path: Path, splits: tuple[str, str]
) -> None:
    lines = [f"i{k}.png,7654321,{split}" for k, split in enumerate(splits)]
    table = tmp_path / "master_table.csv"
    table.write_text("\n".join(["ImageID,PatientID,split", *lines]))
    with pytest.raises(TableError, match="master_table") as caught:
        read_master(tmp_path)
    assert "7654321" not in str(caught.value)


@pytest.mark.parametrize("column", ["PatientID", "StudyID"])
def test_a_row_of_nobody_is_left_out(
    release: tuple[Path, Planted], tmp_path: Path, column: str
) -> None:
    root = tmp_path / "nobody"
    shutil.copytree(release[0], root)
    whole = {view.id for study in read(root).values() for view in study.views}
    rewrite(root, {column: ""}, slice(0, 1))
    source = PadchestSource(root)
    left = {view.id for study in source.studies() for view in study.views}
    (lost,) = whole - left
    assert left < whole and lost in {lost.where for lost in source.quarantine}


def test_the_same_cohort_writes_the_same_bytes(
    release: tuple[Path, Planted], cohort: Path, tmp_path: Path
) -> None:
    assert write(cohort, tmp_path / "again") == release[1]
    for path in (p for p in release[0].rglob("*") if p.is_file()):
        again = tmp_path / "again" / path.relative_to(release[0])
        assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["unchanged", "exclude", "suboptimal study", ""], []),
        (["normal", "unchanged"], ["No Finding"]),
        (["normal", "pleural effusion"], ["Pleural Effusion"]),
        (["aortic elongation", "Cardiomegaly"], ["aortic elongation", "Cardiomegaly"]),
    ],
)
def test_labels_that_are_findings_and_those_that_are_not(
    release: tuple[Path, Planted], tmp_path: Path, labels: list[str], names: list[str]
) -> None:
    root = tmp_path / "labels"
    shutil.copytree(release[0], root)
    rewrite(root, {"Labels": repr(labels), "MethodLabel": "Physician"}, slice(0, None))
    for study in read(root).values():
        assert [finding.name for finding in study.findings] == names
        assert {finding.origin for finding in study.findings} <= {"physician"}
