"""VinDr-CXR's release, written from a simulated cohort, gives the cohort back."""

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
from PIL import Image

from radvlm.boxes import iou_matrix
from radvlm.errors import RecipeError, TableError
from radvlm.io.image import read_image
from radvlm.io.limits import stretch
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice
from radvlm.records import FRONTAL, Box, Finding, Study, View
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases.vindr_cxr import image_id, save_dicom, write
from radvlm.sources.vindr_cxr import VindrCxrSource
from radvlm.sources.vindr_readers import GLOBAL, LOCAL

NAMES = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Enlarged Cardiomediastinum": "Other lesion",
    "Fracture": "Rib fracture",
    "Lung Lesion": "Nodule/Mass",
    "Lung Opacity": "Lung Opacity",
    "Pleural Effusion": "Pleural Effusion",
    "Pleural Other": "Pleural thickening",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
    "No Finding": "No Finding",
}
ABSENT = ("COPD", "Tuberculosis", "Other diseases", "Emphysema", "Lung tumor", "ILD")

Planted = dict[str, list[str]]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vindr") / "cohort"
    make_cohort(PhantomConfig(patients=14, size=64, seed=11, lateral=0.4), path)
    return path


@pytest.fixture(scope="module")
def release(cohort: Path) -> tuple[Path, Planted]:
    root = cohort.parent / "release"
    return root, write(cohort, root)


@pytest.fixture(scope="module")
def truth(cohort: Path) -> dict[str, tuple[Study, View]]:
    return {
        image_id(view.id): (study, view)
        for study in read_studies(cohort / "studies.parquet")
        for view in study.views
        if view.projection in FRONTAL
    }


def near(found: Box, true: Box, view: View) -> bool:
    size = np.array([view.width, view.height] * 2)
    ours, theirs = (np.array([b.x1, b.y1, b.x2, b.y2]) * size for b in (found, true))
    return bool(np.abs(ours - theirs).max() <= 0.5)


def boxed(study: Study, name: str) -> list[Finding]:
    return [finding for finding in study.findings if finding.name == name and finding.boxes]


def true_boxes(study: Study, view: View) -> dict[str, tuple[Box, ...]]:
    """Boxes of each class that has any in the release."""
    return {
        f.name: f.boxes
        for f in study.findings
        if f.view == view.id and f.boxes and f.name in NAMES and f.name != "Pneumonia"
    }


def without_paths(source: VindrCxrSource) -> list[Study]:
    return [
        replace(study, views=tuple(replace(view, path="") for view in study.views))
        for study in source.studies()
    ]


def test_labels_splits_and_views_are_those_of_the_cohort(
    release: tuple[Path, Planted], truth: dict[str, tuple[Study, View]]
) -> None:
    read = {study.id: study for study in VindrCxrSource(release[0]).studies()}
    assert set(truth) <= set(read)
    for image, (true, _) in truth.items():
        study = read[image]
        assert (study.family, study.patient) == ("vindr", None)
        assert study.split == ("test" if true.split == "test" else "train")
        (view,) = study.views
        assert (view.id, view.projection) == (image, "PA") and Path(view.path).is_file()
        said = {finding.name: finding.status for finding in study.findings}
        for finding in true.findings:
            if finding.name in NAMES:
                assert said[NAMES[finding.name]] == finding.status, finding.name
        assert [said[name] for name in ABSENT] == ["absent"] * len(ABSENT)
        assert len(said) == 28 and {finding.view for finding in study.findings} == {image}


def test_fused_boxes_are_the_truth_the_readers_drew_around(
    release: tuple[Path, Planted], truth: dict[str, tuple[Study, View]]
) -> None:
    root, planted = release
    compared = 0
    for study in VindrCxrSource(root).studies():
        if study.split == "test" or study.id not in truth:
            continue
        for name, boxes in true_boxes(*truth[study.id]).items():
            if np.max(iou_matrix(boxes, boxes) - np.eye(len(boxes))) > 0.3:
                continue
            found = boxed(study, NAMES[name])
            assert {f.origin for f in found} == {"fused_0.5"} and len(found) == len(boxes)
            two_of_three = study.id in planted["disagreeing_reader"]
            share = pytest.approx(2 / 3 if two_of_three else 1)
            assert all(f.confidence == share for f in found)
            view = truth[study.id][1]
            for box in boxes:
                assert sum(near(f.boxes[0], box, view) for f in found) == 1
                compared += 1
    assert compared > 10


def test_readers_can_be_kept_apart(
    release: tuple[Path, Planted], truth: dict[str, tuple[Study, View]]
) -> None:
    compared = 0
    for study in VindrCxrSource(release[0], fusion=None).studies():
        if study.split == "test" or study.id not in truth:
            continue
        for name, boxes in true_boxes(*truth[study.id]).items():
            found = boxed(study, NAMES[name])
            assert len(found) == (2 if study.id in release[1]["disagreeing_reader"] else 3)
            assert len({f.origin for f in found}) == len(found)
            assert all(f.origin[0] == "R" and f.origin[1:].isdecimal() for f in found)
            assert all(len(f.boxes) == len(boxes) and f.confidence is None for f in found)
            compared += 1
    assert compared > 5


@pytest.mark.parametrize(("threshold", "origin"), [(None, "consensus"), (0.1, "fused_0.1")])
def test_the_consensus_is_fused_only_when_asked(
    release: tuple[Path, Planted],
    truth: dict[str, tuple[Study, View]],
    threshold: float | None,
    origin: str,
) -> None:
    compared = 0
    for study in VindrCxrSource(release[0], test_fusion=threshold).studies():
        if study.split != "test":
            continue
        assert all(f.origin == "consensus" for f in study.findings if not f.boxes)
        for name, boxes in true_boxes(*truth[study.id]).items():
            found = boxed(study, NAMES[name])
            assert {f.origin for f in found} == {origin}
            if threshold is None:
                (finding,) = found
                view = truth[study.id][1]
                assert len(finding.boxes) == len(boxes)
                assert all(map(near, finding.boxes, boxes, [view] * len(boxes)))
            compared += 1
    assert compared > 3


def test_a_class_that_too_few_readers_see_is_uncertain(release: tuple[Path, Planted]) -> None:
    root, planted = release
    (image,) = planted["disagreeing_reader"]
    read = {study.id: study for study in VindrCxrSource(root, votes=3).studies()}
    said = {finding.name: finding.status for finding in read[image].findings}
    assert "uncertain" in said.values() and "present" not in said.values()
    assert said["No Finding"] == "absent"
    others = [f.status for key, s in read.items() if key != image for f in s.findings]
    assert "uncertain" not in others and "present" in others


def test_exactly_what_was_planted_is_left_out(release: tuple[Path, Planted]) -> None:
    root, planted = release
    source = VindrCxrSource(root)
    read = {study.id: study for study in source.studies()}
    gone = ("damaged_image", "missing_image", "escaping_path")
    mended = ("duplicated_row", "degenerate_box", "box_outside", "contradicting_labels")
    expected = Counter(image for trap in (*gone, *mended) for image in planted[trap])
    assert Counter(lost.where for lost in source.quarantine) == expected
    assert not {planted[trap][0] for trap in gone} & set(read)
    (box,) = boxed(read[planted["box_over_edge"][0]], "Aortic enlargement")[0].boxes
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((0, 0, 12 / 48, 16 / 64))
    assert list(source.studies()) and len(source.quarantine) == sum(expected.values())


def test_the_dicom_files_show_the_cohort(
    release: tuple[Path, Planted], truth: dict[str, tuple[Study, View]], cohort: Path
) -> None:
    seen = {image: kind for kind in ("monochrome1", "windowed") for image in release[1][kind]}
    assert len(set(seen.values())) == 2
    for study in VindrCxrSource(release[0]).studies():
        if study.id in truth:
            pixels = read_image(cohort / truth[study.id][1].path).astype(int)
            shown = read_image(Path(study.views[0].path)).astype(int)
            if seen.get(study.id) != "windowed":
                pixels = stretch(pixels).astype(int)
            assert np.abs(shown - pixels).max() <= 1


def test_converted_images_need_the_original_sizes(
    release: tuple[Path, Planted], truth: dict[str, tuple[Study, View]], tmp_path: Path
) -> None:
    from_dicom = without_paths(VindrCxrSource(release[0]))
    root = tmp_path / "small"
    shutil.copytree(release[0] / "annotations", root / "annotations")
    for study in VindrCxrSource(release[0]).studies():
        target = root / f"{study.split}_png"
        target.mkdir(exist_ok=True)
        with Image.fromarray(read_image(Path(study.views[0].path))) as image:
            image.resize((20, 20)).save(target / f"{study.id}.png")
    with pytest.raises(TableError, match=r"sizes\.csv"):
        list(VindrCxrSource(root).studies())
    sizes = [(image, view.width, view.height) for image, (_, view) in truth.items()]
    with (root / "sizes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "width", "height"])
        writer.writerows([*sizes, (release[1]["box_over_edge"][0], 48, 64)])
    converted = without_paths(VindrCxrSource(root))
    assert [s.findings for s in converted] == [s.findings for s in from_dicom]
    assert all(s.views[0].width for s in converted if s.id in truth)


def test_full_sized_copies_need_no_table_and_dicom_goes_first(
    release: tuple[Path, Planted], tmp_path: Path
) -> None:
    root = tmp_path / "both"
    shutil.copytree(release[0], root)
    studies = list(VindrCxrSource(root).studies())
    folder = root / "train"
    half = [study for study in studies if study.split == "train"][::2]
    for study in half:
        Image.fromarray(read_image(Path(study.views[0].path))).save(folder / f"{study.id}.png")
    assert [s.views for s in VindrCxrSource(root).studies()] == [s.views for s in studies]
    for study in half:
        (folder / f"{study.id}.dicom").unlink()
    again = list(VindrCxrSource(root, full_size=True).studies())
    assert [s.findings for s in again] == [s.findings for s in studies]


def test_the_tables_may_be_packed_and_the_root_a_link_that_cannot_be_written(
    release: tuple[Path, Planted], tmp_path: Path
) -> None:
    root = tmp_path / "packed"
    shutil.copytree(release[0], root)
    for path in list((root / "annotations").iterdir()):
        (root / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    (tmp_path / "link").symlink_to(root)
    for folder in (root / "train", root / "test", root):
        folder.chmod(0o555)
    try:
        assert without_paths(VindrCxrSource(tmp_path / "link")) == without_paths(
            VindrCxrSource(release[0])
        )
    finally:
        root.chmod(0o755)


def test_a_link_out_of_the_root_is_not_followed(
    release: tuple[Path, Planted], tmp_path: Path
) -> None:
    root = tmp_path / "linked"
    shutil.copytree(release[0], root)
    victim = next(iter(VindrCxrSource(root).studies()))
    path = Path(victim.views[0].path)
    path.rename(tmp_path / "elsewhere.dicom")
    path.symlink_to(tmp_path / "elsewhere.dicom")
    source = VindrCxrSource(root)
    assert victim.id not in {study.id for study in source.studies()}
    assert victim.id in {lost.where for lost in source.quarantine}


def test_slices_share_the_images_in_order(release: tuple[Path, Planted]) -> None:
    whole = VindrCxrSource(release[0])
    ids = [study.id for study in whole.studies()]
    assert ids == sorted(ids)
    parts, lost = [], []
    for index in range(3):
        source = VindrCxrSource(release[0])
        parts.append([study.id for study in source.studies(Slice(frozenset({index}), 3))])
        lost += source.quarantine
    assert sorted(chain.from_iterable(parts)) == ids and all(part == sorted(part) for part in parts)
    assert Counter(lost) == Counter(whole.quarantine)


def test_the_layout_of_the_competition(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    for image in ("a", "b"):
        save_dicom(
            np.arange(200, dtype=np.uint8).reshape(10, 20), tmp_path / f"train/{image}.dicom"
        )
    (tmp_path / "train.csv").write_text(
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
        "b,No finding,14,R1,,,,\nb,No finding,14,R2,,,,\nb,No finding,14,R3,,,,\n"
        "a,Cardiomegaly,3,R8,2,1,10,9\na,Cardiomegaly,3,R9,4,1,12,9\na,ILD,5,R10,0,0,5,5\n"
    )
    first, second = VindrCxrSource(tmp_path).studies()
    said = {finding.name: finding.status for finding in first.findings}
    assert len(said) == 15 and said["No Finding"] == said["Pneumothorax"] == "absent"
    (heart,) = boxed(first, "Cardiomegaly")
    # The mean of 2…10 and 4…12 of 20 pixels.
    assert (heart.boxes[0].x1, heart.boxes[0].x2) == pytest.approx((0.15, 0.55))
    assert heart.confidence == pytest.approx(2 / 3)
    normal = {finding.name for finding in second.findings if finding.status == "present"}
    assert normal == {"No Finding"} and second.views[0].width is None


def small_release(root: Path, boxes: str, labels: dict[str, str]) -> Path:
    """A release of images of 20 × 10 pixels; labels not given are 0."""
    (root / "train").mkdir(parents=True)
    (root / "annotations_train.csv").write_text(
        f"image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n{boxes}"
    )
    columns = [*LOCAL, *GLOBAL, "Other disease"]
    with (root / "image_labels_train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "rad_id", *columns])
        for said, ones in labels.items():
            given = dict(item.split("=") for item in ones.split(",") if item)
            writer.writerow([*said.split(), *(given.get(name, "0") for name in columns)])
    for image in {said.split()[0] for said in labels}:
        save_dicom(np.full((10, 20), 7, np.uint8), root / "train" / f"{image}.dicom")
    return root


def test_one_bad_cell_costs_one_record(tmp_path: Path) -> None:
    boxes = "a,R1,ILD,1,x,3,4\na,R2,ILD,nan,1,2,3\na,R2,Edema,0,0,10,10\nb,R1,No finding,,,,\n"
    labels = {"a R1": "ILD=1", "a R2": "ILD=1,Edema=1", "b R1": "Edema=2"}
    source = VindrCxrSource(small_release(tmp_path / "r", boxes, labels))
    (study,) = source.studies()
    assert Counter(lost.where for lost in source.quarantine) == {"a": 2, "b": 1}
    present = {f.name: f.boxes for f in study.findings if f.status == "present"}
    assert present == {"ILD": (), "Edema": (Box(0, 0, 0.5, 1),)}


def test_global_labels_and_the_two_spellings_of_a_class(tmp_path: Path) -> None:
    labels = {
        "a R1": "COPD=1.0,Other disease=1",
        "a R2": "COPD=1,No finding=0.0",
        "a R3": "No finding=1,Tuberculosis=",
    }
    root = small_release(tmp_path / "r", "", labels)
    (study,) = VindrCxrSource(root, votes=2).studies()
    said = {finding.name: (finding.status, finding.origin) for finding in study.findings}
    assert said["COPD"] == ("present", "radiologist")
    assert said["Other diseases"] == ("uncertain", "radiologist")
    assert said["Tuberculosis"] == said["No Finding"] == ("absent", "radiologist")
    assert "Other disease" not in said and len(said) == 28


def test_the_same_cohort_writes_the_same_bytes(
    release: tuple[Path, Planted], cohort: Path, tmp_path: Path
) -> None:
    assert write(cohort, tmp_path / "again") == release[1]
    for path in (p for p in release[0].rglob("*") if p.is_file()):
        again = tmp_path / "again" / path.relative_to(release[0])
        assert again.read_bytes() == path.read_bytes()


def test_a_root_without_tables_and_impossible_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="annotations_train"):
        list(VindrCxrSource(tmp_path).studies())
    for options in ({"fusion": 1.0}, {"test_fusion": -0.1}, {"votes": 0}):
        with pytest.raises(RecipeError):
            VindrCxrSource(tmp_path, **options)
