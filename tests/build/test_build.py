from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from radvlm.build.mixture import ask, make_rows
from radvlm.build.recipe import BuildRecipe, TaskChoice
from radvlm.build.run import build, incomplete
from radvlm.demo.recipe import DemoRecipe
from radvlm.errors import RecipeError
from radvlm.io.dataset import examples_of, studies_of
from radvlm.recipe import check
from radvlm.records import Split

SPLITS: tuple[Split, ...] = ("train", "validate", "test")


def test_a_built_data_set_keeps_patients_apart_and_counts_everything(data: Path) -> None:
    manifest = json.loads((data / "manifest.json").read_text())
    found: Counter[tuple[str, str, str]] = Counter()
    patients: dict[str, set[str | None]] = {}
    for split in SPLITS:
        for example in examples_of(data, split):
            found[example.task, split, example.source] += 1
            patients.setdefault(split, set()).add(example.patient)
    assert not patients["train"] & patients["test"]
    assert {s: len(p) for s, p in patients.items()} == manifest["patients"]
    assert {
        (r["task"], r["split"], r["source"]): r["examples"] for r in manifest["examples"]
    } == found
    assert manifest["studies"] == len(list(studies_of(data)))
    assert len({task for task, _, _ in found}) == 8


@pytest.mark.parametrize("workers", [1, 2])
def test_the_files_are_the_same_bytes_for_any_number_of_workers(
    data: Path, demo_recipe: DemoRecipe, tmp_path: Path, workers: int
) -> None:
    made = demo_recipe.build_recipe()
    few = {name: made.tasks[name] for name in ("anatomical_grounding", "report")}
    change = {"shards": 3, "workers": workers, "tasks": few, "out": tmp_path / "again"}
    found = build(made.model_copy(update=change))
    once = build(made.model_copy(update={**change, "workers": 1, "out": tmp_path / "once"}))
    assert found["files"] == once["files"] and found["content"] == once["content"]
    assert len(found["files"]) == 3 * 4
    ids = [e.id for s in SPLITS for e in examples_of(tmp_path / "again", s)]
    assert len(set(ids)) == len(ids)
    expected = {e.id for s in SPLITS for e in examples_of(data, s) if e.task in few}
    assert set(ids) == expected


def test_a_repeat_asks_differently_and_a_seed_the_same(data: Path) -> None:
    study_ = next(s for s in studies_of(data) if s.regions and s.split)
    choice = TaskChoice(repeat=2, options={"per_view": 6})
    (row,) = make_rows({"anatomical_grounding": choice})
    first, second = (list(ask(study_, row, repeat, seed=0)) for repeat in (0, 1))
    assert len({e.id for e in first + second}) == len(first + second)
    assert [e.turns for e in first] != [e.turns for e in second]
    random.seed(1)
    assert list(ask(study_, row, 0, seed=0)) == first


def test_a_source_without_root_is_refused(demo_recipe: DemoRecipe, tmp_path: Path) -> None:
    recipe = demo_recipe.build_recipe().model_copy(update={"out": tmp_path / "x"})
    bare = recipe.model_copy(update={"data": recipe.data.model_copy(update={"roots": {}})})
    with pytest.raises(RecipeError, match=r"data\.roots\.phantom"):
        build(bare)
    assert not (tmp_path / "x").exists()


def test_an_option_a_source_does_not_have_is_named(tmp_path: Path) -> None:
    tree = {
        "out": str(tmp_path / "out"),
        "data": {"roots": {"mimic_cxr": str(tmp_path)}},
        "sources": {"mimic_cxr": {"source": "mimic_cxr", "options": {"labls": ["chexpert"]}}},
        "tasks": {"report": {}},
    }
    said = r"no option .labls.\. Known: empty_view_position, labels"
    with pytest.raises(RecipeError, match=said):
        build(check(BuildRecipe, tree))


def test_too_many_lost_records_make_a_build_incomplete(demo_recipe: DemoRecipe) -> None:
    recipe = demo_recipe.build_recipe().model_copy(update={"tolerance": 0.1})
    assert not incomplete({"quarantined": 1, "studies": 9}, recipe)
    assert incomplete({"quarantined": 2, "studies": 9}, recipe)
