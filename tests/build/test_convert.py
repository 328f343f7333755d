from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from radvlm.build.convert import SHARD, convert
from radvlm.errors import InputError, OutputError, RecordError
from radvlm.io.tables import read_studies, write_studies
from radvlm.records import Box, Finding, Region, Study, View
from radvlm.sources.phantom.plan import PhantomConfig, plan
from radvlm.sources.phantom.study import draw

RUN = """
import sys
from pathlib import Path
from radvlm.build.convert import convert

if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), size=90, workers=2)
"""


@pytest.fixture(scope="module")
def drawn() -> NDArray[np.uint8]:
    """A simulated chest, higher than wide, from 0 to 255."""
    config = PhantomConfig(patients=1, size=240, lateral=0)
    _, images = draw(config, next(iter(plan(config))))
    (pixels,) = images.values()
    low, high = int(pixels.min()), int(pixels.max())
    return ((pixels.astype(float) - low) * 255 / (high - low)).round().astype(np.uint8)[:, :160]


def save_dicom(stored: NDArray[np.uint16], path: Path, photometric: str, window: bool) -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.1")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    if window:
        dataset.WindowCenter, dataset.WindowWidth = "1000.5", "1000"
    dataset.PixelData = stored.astype("<u2").tobytes()
    dataset.save_as(path, enforce_file_format=True)


def one_view(number: int, path: str, **more: object) -> Study:
    view = View(f"v{number}", path, "PA", 160, 240)
    return Study(
        "fam",
        ("a",),
        f"{number:05d}",
        f"p{number}",
        "train",
        "open",
        (view,),
        **more,  # type: ignore[arg-type]
    )


def many(folder: Path, count: int) -> Path:
    """A table of small studies, each with noise of its own."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        noise = Image.fromarray(rng.integers(0, 256, (120, 80), np.uint8))
        noise.save(folder / f"{number}.png")
    studies = [one_view(number, f"{number}.png") for number in range(count)]
    write_studies(folder / "studies.parquet", studies)
    return folder / "studies.parquet"


def images_of(out: Path) -> dict[str, NDArray[np.uint8]]:
    """View id → the converted pixels, through the table."""
    found = {}
    for study in read_studies(out / "studies.parquet"):
        for view in study.views:
            with Image.open(out / view.path) as image:
                assert image.mode == "L"
                found[view.id] = np.asarray(image)
    return found


def tree(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def test_every_kind_of_file_becomes_the_same_8_bit_picture(
    tmp_path: Path, drawn: NDArray[np.uint8]
) -> None:
    deep = drawn.astype(np.uint16) * 16
    Image.fromarray(drawn).save(tmp_path / "0.png")
    Image.fromarray(deep).save(tmp_path / "1.png")
    save_dicom(deep, tmp_path / "2.dcm", "MONOCHROME2", window=False)
    save_dicom(deep.max() - deep, tmp_path / "3.dcm", "MONOCHROME1", window=False)
    names = ["0.png", "1.png", "2.dcm", "3.dcm"]
    write_studies(tmp_path / "studies.parquet", [one_view(n, x) for n, x in enumerate(names)])
    manifest = convert(tmp_path / "studies.parquet", tmp_path / "out", workers=1)
    assert (manifest["views"], manifest["converted"], manifest["quarantine"]) == (4, 4, [])
    for pixels in images_of(tmp_path / "out").values():
        np.testing.assert_array_equal(pixels, drawn)


def test_a_window_is_applied(tmp_path: Path, drawn: NDArray[np.uint8]) -> None:
    deep = drawn.astype(np.uint16) * 16
    save_dicom(deep, tmp_path / "0.dcm", "MONOCHROME2", window=True)
    write_studies(tmp_path / "studies.parquet", [one_view(0, "0.dcm")])
    convert(tmp_path / "studies.parquet", tmp_path / "out", workers=1)
    expected = np.clip((deep.astype(float) - 500.5) / 999 * 255, 0, 255)
    assert np.abs(images_of(tmp_path / "out")["v0"] - expected).max() <= 1


@pytest.mark.parametrize(("size", "shape"), [(80, (80, 53)), (240, (240, 160)), (999, (240, 160))])
def test_the_longest_side_is_bounded_and_the_aspect_kept(
    tmp_path: Path, drawn: NDArray[np.uint8], size: int, shape: tuple[int, int]
) -> None:
    Image.fromarray(drawn).save(tmp_path / "0.png")
    write_studies(tmp_path / "studies.parquet", [one_view(0, "0.png")])
    convert(tmp_path / "studies.parquet", tmp_path / "out", size=size, workers=1)
    assert images_of(tmp_path / "out")["v0"].shape == shape


def test_shrinking_averages_rather_than_picks(tmp_path: Path, drawn: NDArray[np.uint8]) -> None:
    """Stripes one pixel wide become their mean; picking every fourth would leave one colour."""
    stripes = np.zeros((240, 160), np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(tmp_path / "0.png")
    Image.fromarray(drawn).save(tmp_path / "1.png")
    table = tmp_path / "studies.parquet"
    write_studies(table, [one_view(0, "0.png"), one_view(1, "1.png")])
    convert(table, tmp_path / "out", size=60, format="jpeg", workers=1)
    found = images_of(tmp_path / "out")
    assert np.abs(found["v0"][:, 2:-2].astype(int) - 100).max() <= 4
    blocks = drawn.reshape(60, 4, 40, 4).mean(axis=(1, 3))
    assert np.abs(found["v1"] - blocks).mean() < 4


def test_damaged_files_are_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    table = many(tmp_path / "in", 150)
    studies = list(read_studies(table))
    box = (Box(0.1, 0.2, 0.3, 0.4),)
    two = (View("good", "5.png"), View("bad", "gone.png"))
    findings = (Finding("Nodule", "present", "R1", "good", box), Finding("Mass", "absent", "R1"))
    lost = (Finding("Mass", "present", "R1", "bad", box),)
    regions = (Region("heart", "bad", box[0]), Region("heart", "good", box[0]))
    studies.append(
        Study("fam", ("a", "b"), "99999", None, None, "credentialed", two, {"findings": "Clear."},
              findings + lost, regions)
    )  # fmt: skip
    studies.append(one_view(200, "../in/5.png"))
    write_studies(table, studies)
    broken = random.Random(0).sample(range(150), 3)
    for number in broken:
        path = table.parent / f"{number}.png"
        path.write_bytes(path.read_bytes()[:500])
    manifest = convert(table, tmp_path / "out", workers=1)
    named = {item["where"] for item in manifest["quarantine"]}
    assert named == {"gone.png", "../in/5.png", *(f"{n}.png" for n in broken)}
    assert (manifest["views"], manifest["converted"]) == (153, 148)
    assert (manifest["studies"], manifest["studies_lost"]) == (148, 4)
    kept = {study.id: study for study in read_studies(tmp_path / "out" / "studies.parquet")}
    assert kept["99999"].findings == findings and kept["99999"].regions == regions[1:]
    assert kept["99999"].texts == {"findings": "Clear."}
    assert not kept.keys() & {f"{n:05d}" for n in [*broken, 200]}
    assert manifest["access"] == "credentialed"
    assert (tmp_path / "out" / "studies.parquet").stat().st_mode & 0o777 == 0o600


def test_hostile_names_stay_below_the_folder(tmp_path: Path, drawn: NDArray[np.uint8]) -> None:
    Image.fromarray(drawn).save(tmp_path / "0.png")
    ids = ["../../x", "/etc/x", "a\0b", "", ".", "A" * 300, "a/b", "a_b"]
    views = tuple(View(name, "0.png") for name in ids)
    study = Study("../fam", ("a",), "1", None, None, "open", views)
    write_studies(tmp_path / "studies.parquet", [study])
    out = tmp_path / "below" / "out"
    convert(tmp_path / "studies.parquet", out, workers=1)
    assert images_of(out).keys() == set(ids)
    below = [p for p in tmp_path.rglob("*.png") if p.parent != tmp_path]
    assert len(below) == len(ids)
    assert all(p.is_relative_to(out / "images") for p in below)


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path) -> None:
    table = many(tmp_path / "in", 2 * SHARD + 5)
    told: list[tuple[int, int]] = []

    def bar(done: int, total: int, note: str = "") -> None:
        told.append((done, total))

    for workers in (1, 2):
        convert(table, tmp_path / str(workers), size=100, workers=workers, progress=bar)
    first, second = tree(tmp_path / "1"), tree(tmp_path / "2")
    assert first == second
    assert sum(name.startswith("images/") for name in first) == 2 * SHARD + 5
    assert told[-1] == (2 * SHARD + 5, 2 * SHARD + 5)


def test_a_rerun_does_only_what_has_changed(tmp_path: Path) -> None:
    table = many(tmp_path / "in", SHARD + 5)
    broken = table.parent / "3.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-40] + bytes(40))
    out = tmp_path / "out"
    assert convert(table, out, workers=1)["converted"] == SHARD + 4
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    convert(table, out, workers=1)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == before
    # Fetched again, it has the size it had before.
    time.sleep(0.01)
    broken.write_bytes(whole)
    assert convert(table, out, workers=1)["quarantine"] == []
    untouched = [path for path, when in before.items() if path.stat().st_mtime_ns == when]
    assert len(untouched) == 5
    untouched[0].unlink()
    convert(table, out, workers=1)
    convert(table, tmp_path / "anew", workers=1)
    assert tree(out) == tree(tmp_path / "anew")


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    table = many(tmp_path / "in", 4 * SHARD)
    convert(table, tmp_path / "whole", size=90, workers=1)
    expected = tree(tmp_path / "whole")
    (tmp_path / "run.py").write_text(RUN)
    out = tmp_path / "out"
    command = [sys.executable, *map(str, (tmp_path / "run.py", table, out))]
    kills = 0
    for share in (0.05, 0.3, 0.6):
        process = subprocess.Popen(command)
        while process.poll() is None and len(list(out.glob("images/*/*/v*"))) < share * 4 * SHARD:
            time.sleep(0.005)
        process.kill()
        kills += process.wait() < 0
        assert not (out / "manifest.json").exists()
        seen = tree(out).items()
        assert {x for x in seen if not os.path.basename(x[0]).startswith(".")} <= expected.items()
    assert kills == 3
    subprocess.run(command, check=True)
    assert tree(out) == expected


def test_a_folder_is_never_shared_with_anything_else(tmp_path: Path) -> None:
    table = many(tmp_path / "in", 2)
    out = tmp_path / "out"
    convert(table, out, size=50, workers=1)
    with pytest.raises(OutputError, match="other options"):
        convert(table, out, size=51, workers=1)
    with pytest.raises(OutputError, match="of the studies themselves"):
        convert(table, table.parent, size=50, workers=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(OutputError, match="not empty"):
        convert(table, tmp_path / "mine", workers=1)
    with pytest.raises(InputError, match="0 pixels"):
        convert(table, tmp_path / "new", size=0)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_view_with_two_files_is_refused(tmp_path: Path) -> None:
    table = many(tmp_path / "in", 2)
    write_studies(table, [one_view(0, "0.png"), one_view(0, "1.png")])
    with pytest.raises(RecordError, match="two different files"):
        convert(table, tmp_path / "out", workers=1)
