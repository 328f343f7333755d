from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from radvlm.build.leakage import assert_no_leak
from radvlm.build.merge import merge
from radvlm.build.run import ask, build, incomplete
from radvlm.demo.recipe import DemoRecipe
from radvlm.errors import LeakageError, RecipeError, RecordError
from radvlm.io.tables import read_examples, read_studies
from radvlm.records import Box, Region, Split, Study, View
from radvlm.tasks.anatomical_grounding import AnatomicalGrounding


def study(number: int, patient: str | None, split: Split, **more: object) -> Study:
    view = View(f"v{number}", f"v{number}.png", "PA")
    made = Study("fam", ("a",), str(number), patient, split, "open", (view,))
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def test_a_patient_in_two_splits_fails_and_is_not_named() -> None:
    with pytest.raises(LeakageError) as caught:
        assert_no_leak([study(1, "Jane", "train"), study(2, "Jane", "test")])
    assert "study 2" in str(caught.value) and "Jane" not in str(caught.value)


def test_the_same_patient_number_in_another_family_is_another_patient() -> None:
    other = dataclasses.replace(study(2, "7", "test"), family="other")
    assert assert_no_leak([study(1, "7", "train"), other]) == {"train": 1, "validate": 0, "test": 1}


def test_without_a_patient_the_view_is_the_leak_key() -> None:
    twin = dataclasses.replace(study(2, None, "test"), views=(View("v1", "v1.png", "PA"),))
    with pytest.raises(LeakageError):
        assert_no_leak([study(1, None, "train"), twin])


def test_merge_joins_what_two_sources_say() -> None:
    region = Region("carina", "v1", Box(0.4, 0.3, 0.5, 0.4))
    a = study(1, "p", "train", texts={"findings": "Clear."})
    b = study(1, None, "train", sources=("b",), access="credentialed", regions=(region,), sex="F")
    (joined,) = merge([a, b])
    assert joined.sources == ("a", "b") and joined.patient == "p" and joined.sex == "F"
    assert joined.access == "credentialed"
    assert joined.texts == {"findings": "Clear."} and joined.regions == (region,)


@pytest.mark.parametrize(
    "change", [{"patient": "q"}, {"split": "test"}, {"texts": {"findings": "Effusion."}}]
)
def test_merge_refuses_a_contradiction(change: dict[str, object]) -> None:
    a = study(1, "p", "train", texts={"findings": "Clear."})
    with pytest.raises(RecordError, match="study 1"):
        merge([a, dataclasses.replace(a, **change)])  # type: ignore[arg-type]


def test_a_built_data_set_keeps_patients_apart_and_counts_everything(data: Path) -> None:
    manifest = json.loads((data / "manifest.json").read_text())
    found: Counter[tuple[str, str, str]] = Counter()
    patients: dict[str, set[str | None]] = {}
    for split in ("train", "validate", "test"):
        for example in read_examples(data / f"examples-{split}.parquet"):
            found[example.task, split, example.source] += 1
            patients.setdefault(split, set()).add(example.patient)
    assert not patients["train"] & patients["test"]
    assert {
        (r["task"], r["split"], r["source"]): r["examples"] for r in manifest["examples"]
    } == found
    assert manifest["studies"] == len(list(read_studies(data / "studies.parquet")))
    assert len({task for task, _, _ in found}) == 8


def test_ids_are_unique_and_a_rebuild_is_byte_identical(
    data: Path, demo_recipe: DemoRecipe, tmp_path: Path
) -> None:
    ids = [e.id for e in read_examples(data / "examples-train.parquet")]
    assert len(set(ids)) == len(ids)
    recipe = demo_recipe.build_recipe().model_copy(update={"out": tmp_path / "again"})
    before = json.loads((data / "manifest.json").read_text())["files"]
    assert build(recipe)["files"] == before


def test_a_repeat_asks_differently_and_a_seed_the_same(data: Path) -> None:
    study_ = next(s for s in read_studies(data / "studies.parquet") if s.regions)
    task = AnatomicalGrounding(per_view=6)
    twice = list(ask(study_, task, 2, seed=0))
    assert len({e.id for e in twice}) == len(twice)
    assert [e.turns for e in twice[:6]] != [e.turns for e in twice[-6:]]
    random.seed(1)
    assert list(ask(study_, task, 2, seed=0)) == twice


def test_a_source_without_root_is_refused(demo_recipe: DemoRecipe, tmp_path: Path) -> None:
    recipe = demo_recipe.build_recipe().model_copy(update={"out": tmp_path / "x"})
    bare = recipe.model_copy(update={"data": recipe.data.model_copy(update={"roots": {}})})
    with pytest.raises(RecipeError, match=r"data\.roots\.phantom"):
        build(bare)
    assert not (tmp_path / "x").exists()


def test_too_many_lost_records_make_a_build_incomplete(demo_recipe: DemoRecipe) -> None:
    recipe = demo_recipe.build_recipe().model_copy(update={"tolerance": 0.1})
    assert not incomplete({"quarantine": [{}], "studies": 9}, recipe)
    assert incomplete({"quarantine": [{}, {}], "studies": 9}, recipe)
