"""Every recipe of training loads, on every hardware named, and keeps the paper's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from radvlm import recipe as recipes
from radvlm.errors import InputError, RecipeError
from radvlm.train.planning import check_division
from radvlm.train.recipe import TrainRecipe

ROOT = Path(__file__).parents[2] / "recipes" / "train"
RECIPES = sorted(ROOT.glob("*.yaml"))
OVERLAYS = sorted(path.stem for path in (ROOT / "hardware").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
@pytest.mark.parametrize("overlay", [None, *OVERLAYS])
def test_every_recipe_loads_on_every_hardware(path: Path, overlay: str | None) -> None:
    named = [f"hardware={overlay}"] if overlay else []
    loaded = recipes.load(TrainRecipe, path, named)
    if path.stem not in ("tiny", "demo"):
        assert loaded.schedule.batch == 256 and loaded.schedule.epochs == 1
        assert loaded.schedule.vision_lr == 2e-6
        check_division(loaded, loaded.processes or 1)
    if overlay:
        assert loaded.processes == int(overlay.split("x")[0])


def test_there_are_the_recipes_and_overlays_the_documentation_names() -> None:
    assert {path.stem for path in RECIPES} >= {"radvlm_7b", "radvlm_0.5b", "tiny"}
    assert set(OVERLAYS) == {"128xgh200", "8x80gb", "4x80gb", "1x24gb", "1x16gb"}


def test_overrides_go_before_the_hardware_and_the_hardware_before_the_recipe() -> None:
    path = ROOT / "radvlm_7b.yaml"
    assert recipes.load(TrainRecipe, path).packing == 16384
    assert recipes.load(TrainRecipe, path, ["hardware=4x80gb"]).packing == 8192
    loaded = recipes.load(TrainRecipe, path, ["hardware=4x80gb", "packing=4096"])
    assert loaded.packing == 4096 and loaded.schedule.lr == 1e-5
    with pytest.raises(RecipeError, match="cannot be read"):
        recipes.load(TrainRecipe, path, ["hardware=abacus"])


def test_a_misspelled_key_of_an_optional_section_is_named_nearly() -> None:
    with pytest.raises(RecipeError, match=r"lora\.quantise.*Did you mean 'lora\.quantize'"):
        recipes.load(TrainRecipe, RECIPES[0], ["lora.quantise=true"])


def test_a_share_is_written_in_per_cent() -> None:
    assert recipes.load(TrainRecipe, RECIPES[0], ["data.subset=5%"]).data.subset == 0.05
    with pytest.raises(RecipeError, match="subset"):
        recipes.load(TrainRecipe, RECIPES[0], ["data.subset=105%"])


@pytest.mark.parametrize(("batch", "micro", "size"), [(6, None, 4), (8, 3, 2), (256, 2, 96)])
def test_a_batch_that_does_not_divide_is_refused(batch: int, micro: int, size: int) -> None:
    given = [f"schedule.batch={batch}", f"micro_batch={micro or 'null'}", "packing=null"]
    loaded = recipes.load(TrainRecipe, ROOT / "tiny.yaml", given)
    with pytest.raises(InputError, match="does not divide"):
        check_division(loaded, size)


def test_accumulation_follows_from_batch_processes_and_micro_batch() -> None:
    given = ["schedule.batch=256", "micro_batch=1", "packing=null"]
    loaded = recipes.load(TrainRecipe, ROOT / "tiny.yaml", given)
    assert check_division(loaded, 128) == 2
