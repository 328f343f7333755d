from __future__ import annotations

import json
import shutil
from pathlib import Path

from PIL import Image

from radvlm.build.recipe import ImageChoice, TaskChoice
from radvlm.build.run import build
from radvlm.demo.recipe import DemoRecipe
from radvlm.io.dataset import examples_of
from radvlm.sources.phantom.cohort import make_cohort
from radvlm.sources.phantom.plan import PhantomConfig


def test_a_build_on_converted_images_loses_exactly_the_damaged_ones(
    demo_recipe: DemoRecipe, tmp_path: Path
) -> None:
    make_cohort(PhantomConfig(patients=6, size=64, seed=1, lateral=0), tmp_path / "cohort")
    recipe = demo_recipe.model_copy(update={"out": tmp_path}).build_recipe()
    few = {"anatomical_grounding": TaskChoice()}
    recipe = recipe.model_copy(update={"tasks": few, "out": tmp_path / "plain"})
    build(recipe)
    damaged = next(iter(examples_of(tmp_path / "plain", "train"))).views[0]
    Path(damaged.path).write_bytes(b"no image")
    choice = ImageChoice(out=tmp_path / "images", size=32)
    changes = {"images": choice, "out": tmp_path / "small", "exports": ("llava", "verl")}
    manifest = build(recipe.model_copy(update=changes))
    assert [(q["source"], q["records"]) for q in manifest["quarantine"]] == [("phantom", 1)]
    kept = {e.id: e for e in examples_of(tmp_path / "plain", "train") if e.views[0] != damaged}
    found = {e.id: e for e in examples_of(tmp_path / "small", "train")}
    assert found.keys() == kept.keys()
    for key, example in found.items():
        path = Path(example.views[0].path)
        assert path.is_relative_to(tmp_path / "images") and max(Image.open(path).size) == 32
        assert example.turns == kept[key].turns
    rows = json.loads((tmp_path / "small/exports/llava/train.json").read_text())
    assert {row["image"] for row in rows} == {e.views[0].path for e in found.values()}


def test_a_second_build_goes_on_with_the_converted_images(
    demo_recipe: DemoRecipe, tmp_path: Path
) -> None:
    make_cohort(PhantomConfig(patients=3, size=64, seed=1), tmp_path / "cohort")
    recipe = demo_recipe.model_copy(update={"out": tmp_path}).build_recipe()
    choice = ImageChoice(out=tmp_path / "images", size=32)
    recipe = recipe.model_copy(update={"images": choice, "out": tmp_path / "small"})
    first = build(recipe)
    written = {p: p.stat().st_mtime_ns for p in (tmp_path / "images").rglob("*.png")}
    shutil.rmtree(tmp_path / "small")
    assert build(recipe)["files"] == first["files"] and written
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "images").rglob("*.png")} == written
