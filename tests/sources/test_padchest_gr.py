"""PadChest-GR's release, written from a simulated cohort, gives the cohort back and merges."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from radvlm.build.merge import merge
from radvlm.errors import RecipeError, TableError
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import FRONTAL, Box, Study, View
from radvlm.sources.padchest import PadchestSource
from radvlm.sources.padchest_gr import REPORTS, PadchestGrSource
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases import padchest, padchest_gr
from radvlm.sources.phantom.releases.ids import numbers
from radvlm.sources.phantom.releases.padchest import image_id, patient_id, study_id

LABELS = {
    "Pleural Effusion": "Pleural Effusion",
    "Atelectasis": "Atelectasis",
    "Edema": "pulmonary edema",
    "Lung Lesion": "nodule",
    "pacemaker": "pacemaker",
}

Planted = dict[str, list[str]]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("padchest_gr") / "cohort"
    make_cohort(PhantomConfig(patients=16, size=64, seed=8, lateral=0.4), path)
    return path


@pytest.fixture(scope="module")
def full(cohort: Path) -> Path:
    padchest.write(cohort, cohort.parent / "padchest")
    return cohort.parent / "padchest"


@pytest.fixture(scope="module")
def release(cohort: Path) -> tuple[Path, Planted]:
    root = cohort.parent / "padchest_gr"
    return root, padchest_gr.write(cohort, root)


@pytest.fixture(scope="module")
def truth(cohort: Path) -> dict[str, tuple[Study, View]]:
    """The cohort's studies of every second patient, each with its frontal view."""
    return {
        study_id(study.id): (study, next(v for v in study.views if v.projection in FRONTAL))
        for study in read_studies(cohort / "studies.parquet")
        if numbers(study.id)[0] % 2 == 0
    }


def without_paths(studies: list[Study]) -> list[Study]:
    return [
        replace(study, views=tuple(replace(view, path="") for view in study.views))
        for study in studies
    ]


def one_entry(root: Path, full: Path, findings: object, **more: object) -> PadchestGrSource:
    """A release that says this of its first image, and nothing of others."""
    shutil.copytree(full.parent / "padchest_gr", root)
    first = json.loads((root / REPORTS).read_text())[0]
    (root / REPORTS).write_text(json.dumps([first | {"findings": findings} | more]))
    return PadchestGrSource(root, full)


def test_patients_splits_and_views_are_those_of_the_cohort(
    release: tuple[Path, Planted], full: Path, truth: dict[str, tuple[Study, View]]
) -> None:
    read = {study.id: study for study in PadchestGrSource(release[0], full).studies()}
    assert set(read) == set(truth)
    for key, (true, frontal) in truth.items():
        study = read[key]
        assert (study.patient, study.split) == (patient_id(true.id), true.split)
        assert (study.sex, study.age) == (true.sex, true.age)
        assert study.prior == (study_id(true.prior) if true.prior else None)
        (view,) = study.views
        assert (view.id, view.projection) == (image_id(frontal.id), frontal.projection)
        assert view.width == 8 * (frontal.width or 0)
    assert {study.split for study in read.values()} == {"train", "validate", "test"}


def test_sentences_have_the_boxes_and_names_of_the_cohort(
    release: tuple[Path, Planted], full: Path, truth: dict[str, tuple[Study, View]]
) -> None:
    phrases = 0
    for study in PadchestGrSource(release[0], full).studies():
        true, frontal = truth[study.id]
        assert {finding.origin for finding in study.findings} == {"radiologist"}
        for phrase in {f.phrase for f in true.findings if f.phrase and f.status == "present"}:
            about = [f for f in true.findings if f.phrase == phrase and f.name != "Support Devices"]
            said = [f for f in study.findings if f.phrase == phrase]
            boxes = {box for f in about if f.view == frontal.id for box in f.boxes}
            assert boxes and all(set(f.boxes) == boxes for f in said)
            names = {f.name for f in said}
            for finding in about:
                if finding.name in LABELS:
                    assert LABELS[finding.name] in names
            assert phrase in study.texts["findings"]
            phrases += 1
        present = {f.name for f in true.findings if f.status == "present"}
        normal = {f.name for f in study.findings if f.status == "present"} == {"No Finding"}
        assert normal == (present == {"No Finding"})
    assert phrases > 15


def test_normal_sentences_are_absent_and_keep_their_words(
    release: tuple[Path, Planted], full: Path, truth: dict[str, tuple[Study, View]]
) -> None:
    denied = 0
    for study in PadchestGrSource(release[0], full).studies():
        absent = [finding for finding in study.findings if finding.status == "absent"]
        assert all(f.phrase and not f.boxes for f in absent)
        denies = [f for f in absent if f.name == "Pneumothorax"]
        status = {f.name: f.status for f in truth[study.id][0].findings}
        assert not denies or status["Pneumothorax"] == "absent"
        denied += len(denies)
    assert denied > 2


def test_the_second_reader_is_another_choice(release: tuple[Path, Planted], full: Path) -> None:
    pairs = zip(
        PadchestGrSource(release[0], full).studies(),
        PadchestGrSource(release[0], full, reader=2).studies(),
        strict=True,
    )
    compared = 0
    for first, second in pairs:
        for one, other in zip(first.findings, second.findings, strict=True):
            assert (one.name, one.phrase) == (other.name, other.phrase)
            for a, b in zip(one.boxes, other.boxes, strict=True):
                assert b.x2 - b.x1 == pytest.approx(0.9 * (a.x2 - a.x1)) and a.y2 == b.y2
                compared += 1
    assert compared > 15
    with pytest.raises(RecipeError):
        PadchestGrSource(release[0], full, reader=3)


def test_exactly_what_was_planted_is_left_out(release: tuple[Path, Planted], full: Path) -> None:
    source = PadchestGrSource(release[0], full)
    read = {view.id for study in source.studies() for view in study.views}
    planted = Counter(chain.from_iterable(release[1].values()))
    assert Counter(lost.where for lost in source.quarantine) == planted
    assert release[1]["duplicated_row"][0] in read and release[1]["degenerate_box"][0] in read


def test_several_labels_none_and_blank_ones(
    release: tuple[Path, Planted], full: Path, tmp_path: Path
) -> None:
    box = [0.1, 0.2, 0.3, 1.02]
    sentences: list[dict[str, Any]] = [
        {"sentence_en": "Big  heart\nand effusion.", "abnormal": True, "boxes": [box]}
        | {"labels": ["cardiomegaly", "pleural effusion", " "]},
        {"sentence_en": "Something.", "abnormal": True, "boxes": [], "labels": []},
        {"sentence_en": "Fine elsewhere.", "abnormal": False},
        {"sentence_en": None, "abnormal": False, "boxes": None, "labels": ["Nodule"]},
    ]
    (study,) = one_entry(tmp_path / "gr", full, sentences).studies()
    said = [(f.name, f.status, f.boxes, f.phrase) for f in study.findings]
    drawn = (Box(0.1, 0.2, 0.3, 1.0),)
    assert said == [
        ("Cardiomegaly", "present", drawn, "Big heart and effusion."),
        ("Pleural Effusion", "present", drawn, "Big heart and effusion."),
        ("abnormality", "present", (), "Something."),
        ("No Finding", "absent", (), "Fine elsewhere."),
        ("Nodule", "absent", (), None),
    ]
    assert study.texts["findings"] == "Big heart and effusion. Something. Fine elsewhere."


@pytest.mark.parametrize(
    "findings",
    ["none", [{"sentence_en": "x"}], [{"abnormal": True, "boxes": [[0.1, 0.2, 0.3]]}], [7]],
)
def test_an_entry_of_another_form_is_left_out(
    release: tuple[Path, Planted], full: Path, tmp_path: Path, findings: object
) -> None:
    source = one_entry(tmp_path / "gr", full, findings)
    assert not list(source.studies())
    assert [lost.where for lost in source.quarantine] == ["entry 1"]


def test_contradicting_entries_are_left_out(
    release: tuple[Path, Planted], full: Path, tmp_path: Path
) -> None:
    source = one_entry(tmp_path / "gr", full, [])
    path = tmp_path / "gr" / REPORTS
    first = json.loads(path.read_text())[0]
    path.write_text(json.dumps([first, first | {"PreviousStudyID": "1"}]))
    assert not list(source.studies())
    assert [lost.where for lost in source.quarantine] == [first["ImageID"]]


def test_the_master_table_may_be_zipped(
    release: tuple[Path, Planted], full: Path, tmp_path: Path
) -> None:
    root = tmp_path / "gr"
    shutil.copytree(release[0], root)
    (root / "PadChest_GR").rename(root / "images_grounding")
    table = root / "master_table.csv"
    with zipfile.ZipFile(root / "master_table.csv.zip", "w") as archive:
        archive.writestr("__MACOSX/._master_table.csv", b"\0")
        archive.write(table, "release/master_table.csv")
    table.unlink()
    plain = list(PadchestGrSource(release[0], full).studies())
    assert without_paths(list(PadchestGrSource(root, full).studies())) == without_paths(plain)
    (root / "master_table.csv.zip").write_bytes(b"PK no archive")
    with pytest.raises(TableError, match="archive"):
        list(PadchestGrSource(root, full).studies())


@pytest.mark.parametrize("on_disk", ["both", "padchest", "padchest_gr"])
def test_both_sources_merge_wherever_the_images_are(
    release: tuple[Path, Planted],
    full: Path,
    truth: dict[str, tuple[Study, View]],
    tmp_path: Path,
    on_disk: str,
) -> None:
    big, small = tmp_path / "padchest", tmp_path / "padchest_gr"
    keep_all = None
    no_images = shutil.ignore_patterns("*.png")
    shutil.copytree(full, big, ignore=keep_all if on_disk != "padchest_gr" else no_images)
    shutil.copytree(release[0], small, ignore=keep_all if on_disk != "padchest" else no_images)
    one = PadchestSource(big, padchest_gr=small)
    other = PadchestGrSource(small, padchest=big)
    merged = {study.id: study for study in merge(one.studies(), other.studies())}
    assert set(truth) <= set(merged)
    for key, (true, frontal) in truth.items():
        study = merged[key]
        assert study.sources == ("padchest", "padchest_gr") and study.split == true.split
        assert {"report", "findings"} <= set(study.texts)
        view = next(view for view in study.views if view.id == image_id(frontal.id))
        root = small if on_disk == "padchest_gr" else big
        assert Path(view.path).is_relative_to(root) and Path(view.path).is_file()
        assert {"radiologist"} < {finding.origin for finding in study.findings}
    others = [study for key, study in merged.items() if key not in truth]
    assert {study.split for study in others} <= {None}
    assert bool(others) == (on_disk != "padchest_gr")


def test_slices_share_the_patients_in_order(release: tuple[Path, Planted], full: Path) -> None:
    whole = PadchestGrSource(release[0], full)
    keys = [study_key(study) for study in whole.studies()]
    assert keys == sorted(keys)
    parts, lost = [], []
    for index in range(3):
        source = PadchestGrSource(release[0], full)
        parts.append([study_key(s) for s in source.studies(Slice(frozenset({index}), 3))])
        lost += source.quarantine
    assert sorted(chain.from_iterable(parts)) == keys and all(
        part == sorted(part) for part in parts
    )
    assert Counter(lost) == Counter(whole.quarantine)


def test_a_root_without_its_files_is_refused(full: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="master_table"):
        list(PadchestGrSource(tmp_path, full).studies())
    (tmp_path / "master_table.csv").write_text("ImageID,PatientID,split\n")
    with pytest.raises(TableError, match="grounded_reports"):
        list(PadchestGrSource(tmp_path, full).studies())
    (tmp_path / REPORTS).write_text("{}")
    with pytest.raises(TableError, match="list"):
        list(PadchestGrSource(tmp_path, full).studies())


def test_the_same_cohort_writes_the_same_bytes(
    release: tuple[Path, Planted], cohort: Path, tmp_path: Path
) -> None:
    assert padchest_gr.write(cohort, tmp_path / "again") == release[1]
    for path in (p for p in release[0].rglob("*") if p.is_file()):
        again = tmp_path / "again" / path.relative_to(release[0])
        assert again.read_bytes() == path.read_bytes()
