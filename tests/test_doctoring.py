from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from radvlm.doctoring import check, propose
from radvlm.sources.phantom.plan import PhantomConfig
from radvlm.sources.phantom.releases.writing import make_release

RADVLM = [sys.executable, "-c", "from radvlm.cli import main; main()"]
SMALL = PhantomConfig(patients=4, size=48)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases below a folder of other things, as a group's disk has them."""
    base = tmp_path_factory.mktemp("disk")
    for name, place in (("padchest", "bimcv/PadChest"), ("vindr_cxr", "physionet/vindr/1.0.0")):
        (base / place).parent.mkdir(parents=True)
        make_release(name, SMALL, base / place)
    (base / "elsewhere" / "images").mkdir(parents=True)
    return base


def test_releases_are_found_where_they_lie_and_nothing_else(disk: Path) -> None:
    assert propose(disk) == {
        "padchest": disk / "bimcv/PadChest",
        "vindr_cxr": disk / "physionet/vindr/1.0.0",
    }


def test_what_is_missing_is_named_with_where_it_is_had(disk: Path) -> None:
    gone = disk / "physionet/vindr/1.0.0/annotations/annotations_test.csv"
    text = gone.read_bytes()
    gone.unlink()
    try:
        found = {one.source: one for one in check(propose(disk))}
    finally:
        gone.write_bytes(text)
    assert found["padchest"].complete and not found["vindr_cxr"].complete
    (missing,) = found["vindr_cxr"].missing
    assert missing.path.endswith("annotations_test.csv") and "physionet.org" in missing.note
    assert found["openi"].root is None and not found["openi"].complete


def test_a_zipped_table_counts_as_there(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz").touch()
    (tmp_path / "0").mkdir()
    found = {one.source: one for one in check({"padchest": tmp_path})}
    assert not [f for f in found["padchest"].missing if f.path.endswith(".csv")]


def test_the_command_says_the_roots_and_what_is_incomplete(disk: Path, tmp_path: Path) -> None:
    found = subprocess.run(
        [*RADVLM, "doctor", "--find", str(disk)], capture_output=True, text=True, check=True
    )
    assert f"data.roots.padchest={disk}/bimcv/PadChest" in found.stdout
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"data: {{roots: {{openi: {tmp_path}}}}}\n")
    ended = subprocess.run(
        [*RADVLM, "doctor", str(recipe), "--json"], capture_output=True, text=True, check=False
    )
    states = {one["source"]: one for one in json.loads(ended.stdout)["sources"]}
    assert states["openi"]["complete"] is False and states["openi"]["missing"]
    lacking = json.loads(ended.stdout)["missing_weights"]
    assert {"metric", "what", "where", "how"} == set(lacking[0])
