"""Chest ImaGenome and MS-CXR: boxes on MIMIC-CXR's views, against the cohort's own."""

from __future__ import annotations

import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from radvlm.build.merge import merge
from radvlm.errors import InputError, TableError
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, study_key
from radvlm.records import Box, Study
from radvlm.sources.chest_imagenome import ChestImagenomeSource
from radvlm.sources.mimic_cxr import MimicCxrSource
from radvlm.sources.ms_cxr import MsCxrSource
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases import chest_imagenome, mimic_cxr, ms_cxr
from radvlm.sources.phantom.releases.ids import mimic_dicom, mimic_study, mimic_subject, numbers

Planted = dict[str, list[str]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boxes")
    make_cohort(PhantomConfig(patients=12, size=64, seed=3, lateral=0.2), folder / "cohort")
    mimic_cxr.write(folder / "cohort", folder / "jpg")
    return folder


@pytest.fixture(scope="module")
def regions(base: Path) -> Planted:
    return chest_imagenome.write(base / "cohort", base / "imagenome")


@pytest.fixture(scope="module")
def phrases(base: Path) -> Planted:
    return ms_cxr.write(base / "cohort", base / "ms_cxr")


@pytest.fixture(scope="module")
def truth(base: Path) -> dict[str, Study]:
    return {mimic_study(s.id): s for s in read_studies(base / "cohort" / "studies.parquet")}


def imagenome(base: Path, **options: bool) -> ChestImagenomeSource:
    return ChestImagenomeSource(base / "imagenome", base / "jpg", **options)


def near(found: Box, wanted: Box, side: int) -> bool:
    """To half a pixel of eight times the image."""
    pairs = zip(
        (found.x1, found.y1, found.x2, found.y2),
        (wanted.x1, wanted.y1, wanted.x2, wanted.y2),
        strict=True,
    )
    return all(abs(a - b) <= 0.5001 / (8 * side) for a, b in pairs)


def test_every_region_is_where_the_cohort_has_it(
    base: Path, regions: Planted, truth: dict[str, Study]
) -> None:
    found = {study.id: study for study in imagenome(base).studies()}
    assert found.keys() == truth.keys()
    for name, study in truth.items():
        view = study.views[0]
        side = min(view.width or 0, view.height or 0)
        wanted = {r.name: r.box for r in study.regions}
        boxes = {r.name: r.box for r in found[name].regions if r.name != "descending aorta"}
        assert boxes.keys() == wanted.keys() and found[name].split is None
        assert all(near(boxes[region], wanted[region], side) for region in wanted)
        assert {r.view for r in found[name].regions} == {mimic_dicom(view.id)}
    (clipped,) = [r for s in found.values() for r in s.regions if r.name == "descending aorta"]
    assert (clipped.box.x1, clipped.box.x2) == (0, 1)
    assert clipped.view == regions["past_the_edge"][0]


def test_exactly_the_planted_regions_are_quarantined(base: Path, regions: Planted) -> None:
    source = imagenome(base)
    list(source.studies())
    assert {item.where: item.reason for item in source.quarantine} == {
        regions["inverted_box"][0]: "a box is inverted or empty",
        regions["region_twice"][0]: "a region is there twice",
        regions["no_scene_graph"][0]: "no scene graph",
    }


def test_the_release_s_own_split_is_used_only_where_asked(base: Path, regions: Planted) -> None:
    own = {study.id: study.split for study in imagenome(base, own_split=True).studies()}
    assert set(own.values()) == {None, "test"}
    joined = list(merge(MimicCxrSource(base / "jpg").studies(), imagenome(base).studies()))
    assert all(len(study.sources) == 2 for study in joined)
    against = {s.id: s.split for s in joined if s.id in regions["train_list_but_test"]}
    assert set(against.values()) <= {"test"}


def test_gold_patients_are_withheld_and_their_boxes_are_the_radiologists(
    base: Path, regions: Planted, truth: dict[str, Study]
) -> None:
    assert imagenome(base).withheld() == frozenset(regions["gold_patient"])
    found = list(imagenome(base, gold=True).studies())
    assert {study.patient for study in found} == set(regions["gold_patient"])
    for study in found:
        wanted = {r.name: r.box for r in truth[study.id].regions}
        assert {r.name for r in study.regions} == set(wanted)
        assert all(near(r.box, wanted[r.name], 40) for r in study.regions)


def test_graphs_still_zipped_are_the_same(base: Path, regions: Planted, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(base / "imagenome", tmp_path / "copy"))
    graphs = copy / "silver_dataset" / "scene_graph"
    with zipfile.ZipFile(graphs.with_suffix(".zip"), "w") as packed:
        for path in sorted(graphs.iterdir()):
            packed.write(path, f"scene_graph/{path.name}")
    shutil.rmtree(graphs)
    source = ChestImagenomeSource(copy, base / "jpg")
    assert list(source.studies()) == list(imagenome(base).studies())
    graphs.with_suffix(".zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="scene graphs"):
        list(source.studies())


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"objects": 3}', b'{"objects": [1]}', b"\xff"])
def test_a_damaged_graph_is_quarantined_alone(
    base: Path, regions: Planted, tmp_path: Path, content: bytes
) -> None:
    copy = Path(shutil.copytree(base / "imagenome", tmp_path / "copy"))
    path = min((copy / "silver_dataset" / "scene_graph").iterdir())
    path.write_bytes(content)
    source = ChestImagenomeSource(copy, base / "jpg")
    found = list(source.studies())
    assert len(found) == len(list(imagenome(base).studies())) - 1
    damaged = [q.where for q in source.quarantine if q.reason == "the scene graph is damaged"]
    assert damaged == [path.name.removesuffix("_SceneGraph.json")]


def test_every_phrase_has_its_boxes(base: Path, phrases: Planted, truth: dict[str, Study]) -> None:
    source = MsCxrSource(base / "ms_cxr")
    found = {study.id: study for study in source.studies()}
    several = 0
    for name, study in truth.items():
        wanted = {
            (f.name, f.phrase): f.boxes
            for f in study.findings
            if f.name in ms_cxr.NAMES and f.phrase and f.boxes
        }
        if not wanted:
            assert name not in found
            continue
        said = {(f.name, f.phrase): f for f in found[name].findings}
        assert said.keys() == wanted.keys() and found[name].patient == mimic_subject(study.id)
        for key, boxes in wanted.items():
            several += len(boxes) > 1
            assert len(said[key].boxes) == len(boxes)
            assert all(near(a, b, 40) for a, b in zip(said[key].boxes, boxes, strict=True))
            assert said[key].origin == "radiologist" and said[key].status == "present"
    assert several
    assert Counter(item.reason for item in source.quarantine) == {
        "a box is inverted or empty": 1,
        "duplicated row": 1,
        "the path is not of the release's form": 1,
    }


def test_the_coco_file_says_the_same(base: Path, phrases: Planted, tmp_path: Path) -> None:
    for path in (base / "ms_cxr").glob("*.json"):
        shutil.copy(path, tmp_path / path.name.replace("1.1.0", "1.0.0"))
    source = MsCxrSource(tmp_path)
    assert list(source.studies()) == list(MsCxrSource(base / "ms_cxr").studies())
    assert not source.quarantine
    with pytest.raises(TableError):
        list(MsCxrSource(tmp_path / "nothing").studies())


def test_slices_are_disjoint_and_together_the_whole(
    base: Path, regions: Planted, phrases: Planted
) -> None:
    for make in (lambda: imagenome(base), lambda: MsCxrSource(base / "ms_cxr")):
        source = make()
        whole = list(source.studies())
        lost = len(source.quarantine)
        assert [study_key(s) for s in whole] == sorted(study_key(s) for s in whole)
        parts = []
        for index in range(3):
            part = make()
            parts += list(part.studies(Slice(frozenset({index}), 3)))
            lost -= len(part.quarantine)
        assert sorted(parts, key=study_key) == whole and lost == 0
    assert numbers("p00012s2v1") == (12, 2, 1)
