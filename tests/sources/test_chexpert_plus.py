"""CheXpert Plus, written from a simulated cohort, gives reports and labels back, and merges."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from PIL import Image

from radvlm.build.merge import merge
from radvlm.errors import RecipeError, TableError
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import Study
from radvlm.sources.chexpert import ChexpertSource
from radvlm.sources.chexpert_plus import TABLE, ChexpertPlusSource
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases import chexpert
from radvlm.sources.phantom.releases.chexpert import study_id, view_id
from radvlm.sources.phantom.releases.chexpert_plus import write
from radvlm.vocabulary import CHEXPERT_14

LABELS = Path("chexbert_labels") / "report_fixed.json"
LOST = ("contradicting_reports", "split_of_another", "escaping_path")

Planted = dict[str, list[str]]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chexpert_plus") / "cohort"
    make_cohort(PhantomConfig(patients=12, size=64, seed=5, lateral=0.5), path)
    return path


@pytest.fixture(scope="module")
def release(cohort: Path) -> tuple[Path, Planted]:
    root = cohort.parent / "plus"
    return root, write(cohort, root)


@pytest.fixture(scope="module")
def images(cohort: Path) -> Path:
    """CheXpert itself."""
    root = cohort.parent / "images"
    chexpert.write(cohort, root)
    return root


@pytest.fixture(scope="module")
def truth(cohort: Path) -> dict[str, Study]:
    studies = read_studies(cohort / "studies.parquet")
    return {study_id(study): study for study in studies if study.split != "test"}


@pytest.fixture
def copy(release: tuple[Path, Planted], tmp_path: Path) -> Path:
    return shutil.copytree(release[0], tmp_path / "copy")


def read(root: Path, labels: tuple[str, ...] = ()) -> dict[str, Study]:
    return {study.id: study for study in ChexpertPlusSource(root, labels=labels).studies()}


def test_reports_are_those_of_the_cohort(
    release: tuple[Path, Planted], truth: dict[str, Study]
) -> None:
    root, planted = release
    studies = read(root)
    assert set(truth) <= set(studies) and len(planted["no_findings"]) == 2
    for key, true in truth.items():
        study = studies[key]
        assert study.split == true.split and study.patient == key.split("/")[1]
        assert study.texts["impression"] == true.texts["impression"]
        assert "personally reviewed the images" in study.texts["end_of_impression"]
        assert study.texts["indication"] == f'{int(true.age or 0)} years of age, "cough".'
        if key in planted["no_findings"]:
            assert "findings" not in study.texts
        else:
            assert study.texts["findings"] == true.texts["findings"]
            assert f"FINDINGS:\n{true.texts['findings'].split('. ')[0]}" in study.texts["report"]
        assert (study.sex, study.age) == (true.sex, min(true.age or 0, 90))
        assert {view.id for view in study.views} == {view_id(true, v) for v in true.views}
        assert {(view.path, view.projection) for view in study.views} == {("", "UNKNOWN")}
        assert study.findings == ()


def test_labels_are_those_of_the_cohort_where_asked_for(
    release: tuple[Path, Planted], truth: dict[str, Study]
) -> None:
    root, planted = release
    studies = read(root, ("chexbert",))
    for key, true in truth.items():
        said = {finding.name: finding.status for finding in studies[key].findings}
        expected = {f.name: f.status for f in true.findings if f.name in CHEXPERT_14}
        if expected["No Finding"] == "absent":
            del expected["No Finding"]
        assert said == expected
        assert {(f.origin, f.view) for f in studies[key].findings} == {("chexbert", None)}
    unsure = studies[planted["uncertain"][0]].findings
    assert [(f.name, f.status) for f in unsure] == [("Edema", "uncertain")]
    contradicted = studies[planted["contradicting_labels"][0]]
    assert contradicted.findings == () and contradicted.texts


def test_exactly_what_was_planted_is_left_out(release: tuple[Path, Planted]) -> None:
    root, planted = release
    source = ChexpertPlusSource(root)
    studies = {study.id: study for study in source.studies()}
    left_out = [planted[trap][0] for trap in (*LOST, "duplicated_row")]
    assert Counter(lost.where for lost in source.quarantine) == Counter(left_out)
    assert not [key for key in studies if any(planted[trap][0].startswith(key) for trap in LOST)]
    source = ChexpertPlusSource(root, labels=("chexbert",))
    list(source.studies())
    left_out += planted["contradicting_labels"]
    left_out += [f"report_fixed.json, {line}" for line in planted["damaged_line"]]
    assert Counter(lost.where for lost in source.quarantine) == Counter(left_out)


def test_it_merges_with_chexpert(
    release: tuple[Path, Planted], images: Path, truth: dict[str, Study]
) -> None:
    plus = ChexpertPlusSource(release[0], chexpert=images, labels=("chexbert",))
    joined = {study.id: study for study in merge(ChexpertSource(images).studies(), plus.studies())}
    for key, true in truth.items():
        study = joined[key]
        assert study.sources == ("chexpert", "chexpert_plus")
        assert all(view.path and view.projection != "UNKNOWN" for view in study.views)
        assert len(study.views) == len(true.views)
        assert study.texts["impression"] == true.texts["impression"]
        origin = "chexpert" if true.split == "train" else "radiologist"
        assert {finding.origin for finding in study.findings} == {origin, "chexbert"}


def test_patients_whose_age_differs_between_the_releases_merge(copy: Path, images: Path) -> None:
    table = (copy / TABLE).read_text("utf-8-sig").replace(",Female,", ",Male,")
    (copy / TABLE).write_text(table)
    plus = ChexpertPlusSource(copy, chexpert=images)
    joined = list(merge(ChexpertSource(images).studies(), plus.studies()))
    assert {"F", "M"} <= {s.sex for s in joined if len(s.sources) == 2}
    assert {s.sex for s in ChexpertPlusSource(copy).studies()} == {"M"}


def test_an_image_that_chexpert_lacks_is_no_frontal(
    release: tuple[Path, Planted], images: Path, tmp_path: Path, truth: dict[str, Study]
) -> None:
    root = shutil.copytree(images, tmp_path / "images")
    two = next(key for key, study in truth.items() if len(study.views) == 2)
    (root / two / "view1_frontal.jpg").unlink()
    plus = ChexpertPlusSource(release[0], chexpert=root)
    joined = {study.id: study for study in merge(ChexpertSource(root).studies(), plus.studies())}
    views = {view.id.rpartition("/")[2]: view for view in joined[two].views}
    assert views["view1_frontal"].projection == "UNKNOWN" and not views["view1_frontal"].path
    assert views["view2_lateral"].projection == "LATERAL" and views["view2_lateral"].path


@pytest.mark.parametrize(
    ("folder", "ending"),
    [
        (".", ".jpg"),
        ("PNG", ".png"),
        ("png_chexpert_plus_chunk_3/PNG", ".png"),
        ("DICOM/Uncompressed", ".dcm"),
    ],
)
def test_images_may_lie_here(copy: Path, truth: dict[str, Study], folder: str, ending: str) -> None:
    held = next(key for key, study in truth.items() if len(study.views) == 2)
    frontal, lateral = (view_id(truth[held], view) for view in truth[held].views)
    path = copy / folder / f"{frontal}{ending}"
    path.parent.mkdir(parents=True)
    Image.new("L", (8, 8)).save(path, format="png")
    studies = read(copy)
    views = {view.id: view for view in studies[held].views}
    assert views[frontal].path == str(path)
    assert views[frontal].projection == truth[held].views[0].projection
    assert views[lateral].path == ""
    others = [view for study in studies.values() for view in study.views if view.id != frontal]
    assert {view.path for view in others} == {""}


def test_no_image_outside_of_the_root_is_taken(
    copy: Path, tmp_path: Path, truth: dict[str, Study]
) -> None:
    key = next(iter(truth))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "view1_frontal.png").write_bytes(b"x")
    (copy / key).parent.mkdir(parents=True)
    (copy / key).symlink_to(tmp_path / "secret")
    source = ChexpertPlusSource(copy)
    study = {study.id: study for study in source.studies()}[key]
    assert {view.path for view in study.views} == {""} and study.texts["impression"]
    assert f"{key}/view1_frontal" in {lost.where for lost in source.quarantine}


@pytest.mark.parametrize(
    "path", ["/etc/passwd.jpg", "train/patient00001/../view1_frontal.jpg", "a\0.jpg", ""]
)
def test_a_path_of_no_image_is_left_out(copy: Path, path: str) -> None:
    known = "train/patient91003/study1/view1_frontal.jpg"
    text = (copy / TABLE).read_text("utf-8-sig").replace(f"\n{known},", f"\n{path},")
    (copy / TABLE).write_text(text)
    source = ChexpertPlusSource(copy)
    assert "train/patient91003/study1" not in {study.id for study in source.studies()}
    assert path in {lost.where for lost in source.quarantine}


def test_packed_tables_a_link_and_read_only(
    release: tuple[Path, Planted], copy: Path, tmp_path: Path
) -> None:
    for path in (copy / TABLE, copy / LABELS):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    (tmp_path / "link").symlink_to(copy)
    copy.chmod(0o555)
    try:
        found = read(tmp_path / "link", ("chexbert",))
    finally:
        copy.chmod(0o755)
    assert found == read(release[0], ("chexbert",))


@pytest.mark.parametrize(
    "line",
    [
        b"[1]",
        b'{"path_to_image": "../train/patient91003/study1/view1_frontal.jpg"}',
        b'{"path_to_image": "train/patient91003/study1/view1_frontal.jpg", "Edema": 2}',
        b'{"path_to_image": "train/patient91003/study1/view1_frontal.jpg", "Edema": [1.0]}',
        b'{"path_to_image": null}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_line_of_labels_costs_itself_alone(copy: Path, line: bytes) -> None:
    before = read(copy, ("chexbert",))
    with (copy / LABELS).open("ab") as file:
        file.write(line + b"\n")
    source = ChexpertPlusSource(copy, labels=("chexbert",))
    assert {study.id: study for study in source.studies()} == before
    last = len((copy / LABELS).read_bytes().splitlines())
    assert f"report_fixed.json, line {last}" in {lost.where for lost in source.quarantine}


def test_whose_labels_is_a_choice(copy: Path, truth: dict[str, Study]) -> None:
    key = next(iter(truth))
    path = f"{key}/view1_frontal.jpg"
    line = json.dumps({"path_to_image": path, "Fracture": -1.0})
    (copy / "chexbert_labels" / "impression_fixed.json").write_text(f"{line}\n")
    source = ChexpertPlusSource(copy, labels=("chexbert",), labelled="impression")
    found = {study.id: study.findings for study in source.studies()}
    assert [(f.name, f.status) for f in found[key]] == [("Fracture", "uncertain")]
    assert not any(findings for name, findings in found.items() if name != key)


def test_what_cannot_be_asked_for(copy: Path) -> None:
    with pytest.raises(RecipeError, match="labels"):
        ChexpertPlusSource(copy, labels=("chexpert",))
    with pytest.raises(RecipeError, match="labelled"):
        ChexpertPlusSource(copy, labelled="history")
    (copy / LABELS).unlink()
    with pytest.raises(TableError, match="report_fixed"):
        read(copy, ("chexbert",))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("section_impression", "impression", "section_impression"),
        ("path_to_image,path_to_dcm", "path_to_image", "cannot be read"),
    ],
)
def test_a_damaged_table(copy: Path, old: str, new: str, match: str) -> None:
    text = (copy / TABLE).read_text("utf-8-sig").replace(old, new)
    (copy / TABLE).write_text(text)
    with pytest.raises(TableError, match=match):
        read(copy)
    (copy / TABLE).unlink()
    with pytest.raises(TableError, match=TABLE):
        read(copy)


def test_slices_share_the_patients_in_order(release: tuple[Path, Planted]) -> None:
    def source() -> ChexpertPlusSource:
        return ChexpertPlusSource(release[0], labels=("chexbert",))

    whole = source()
    studies = list(whole.studies())
    assert [study_key(study) for study in studies] == sorted(map(study_key, studies))
    parts, lost = [], []
    for index in range(3):
        one = source()
        parts.append(list(one.studies(Slice(frozenset({index}), 3))))
        lost += one.quarantine
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
