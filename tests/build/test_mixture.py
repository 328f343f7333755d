"""Mixtures of planted studies: every count below is done by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from build_cases import Planted, labelled, study

from radvlm.build.plan import ELSEWHERE, MORE, UNREADABLE, Plan
from radvlm.build.recipe import BuildRecipe
from radvlm.build.run import build, plan
from radvlm.build.tally import LEAK_RULE, NOT_CURATED, WITHHELD
from radvlm.errors import LeakageError, RecipeError
from radvlm.io.dataset import examples_of
from radvlm.recipe import check
from radvlm.registry import TABLES

LABELS = {"task": "classification", "options": {"unmentioned": "absent"}}


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES["sources"], "planted", "build_cases:Planted")
    monkeypatch.setattr(Planted, "STUDIES", {"a": [], "b": []})
    monkeypatch.setattr(Planted, "KEPT_BACK", {})


def recipe(tmp_path: Path, tasks: dict[str, Any], **more: Any) -> BuildRecipe:
    names = sorted(Planted.STUDIES)
    tree = {
        "out": str(tmp_path / "out"),
        "data": {"roots": {name: str(tmp_path / name) for name in names}},
        "sources": {name: {"source": "planted"} for name in names},
        "tasks": tasks,
        "workers": 1,
        "shards": 2,
    }
    return check(BuildRecipe, {**tree, **more})


def why(found: Plan, row: int = 0) -> dict[str, int]:
    return found.rows[row].why


def test_a_cap_keeps_so_many_and_a_larger_cap_keeps_those_too(tmp_path: Path) -> None:
    Planted.STUDIES["a"] = [labelled(n, f"p{n}", "train") for n in range(1, 9)]
    kept = {}
    for cap in (3, 5):
        tasks = {"labels": {**LABELS, "cap": cap, "repeat": 2}}
        made = recipe(tmp_path, tasks, out=str(tmp_path / str(cap)))
        manifest = build(made)
        examples = list(examples_of(made.out, "train"))
        assert len(examples) == 2 * cap == manifest["examples"][0]["examples"]
        kept[cap] = {e.id for e in examples}
        assert plan(made).rows[0].kept == cap and plan(made).rows[0].available == 8
    assert kept[3] < kept[5]


def test_a_row_asks_only_its_source_and_splits_and_can_move_them(tmp_path: Path) -> None:
    Planted.STUDIES["a"] = [labelled(1, "p1", "train"), labelled(2, "p2", "validate")]
    Planted.STUDIES["b"] = [labelled(3, "p3", "train", sources=("b",))]
    tasks = {
        "mine": {**LABELS, "source": "a", "splits": ["train", "validate"], "into": "train"},
        "theirs": {**LABELS, "source": "b", "splits": ["test"]},
    }
    made = recipe(tmp_path, tasks)
    build(made)
    found = list(examples_of(made.out, "train"))
    assert [(e.patient, e.source) for e in found] == [("p1", "a"), ("p2", "a")]
    assert not list(examples_of(made.out, "validate")) + list(examples_of(made.out, "test"))


def test_rows_that_would_put_one_patient_into_two_splits_are_refused(tmp_path: Path) -> None:
    Planted.STUDIES["a"] = [labelled(1, "p1", "validate")]
    tasks = {"one": LABELS, "other": {**LABELS, "splits": ["validate"], "into": "train"}}
    with pytest.raises(LeakageError, match="train and validate"):
        build(recipe(tmp_path, tasks))
    assert not (tmp_path / "out").exists()


def test_the_leak_rule_counts_what_it_drops_and_lists_what_it_keeps(tmp_path: Path) -> None:
    Planted.STUDIES["a"] = [labelled(1, "p1", "test"), labelled(2, "p2", "train")]
    Planted.STUDIES["b"] = [labelled(3, "p1", "train", sources=("b",))]
    tasks = {"labels": {**LABELS, "splits": ["train"], "published": 2}, "tests": LABELS}
    with pytest.raises(LeakageError, match="patient p1"):
        build(recipe(tmp_path, tasks))
    assert why(plan(recipe(tmp_path, tasks, leak="drop"))) == {LEAK_RULE: 1}
    made = recipe(tmp_path, tasks, leak="report")
    leak = build(made)["leak"]
    assert leak["patients_in_several_splits"] == {"a in test, b in train": 1}
    (contaminated,) = leak["contaminated_test_examples"]
    assert contaminated in {e.id for e in examples_of(made.out, "test")}


def test_withheld_patients_are_not_trained_on(tmp_path: Path) -> None:
    Planted.STUDIES["a"] = [labelled(1, "p1", "train"), labelled(2, "p2", "train")]
    Planted.KEPT_BACK = {"b": frozenset({"p1"})}
    tasks = {"labels": {**LABELS, "splits": ["train"], "published": 2}}
    made = recipe(tmp_path, tasks)
    assert build(made)["studies_withheld"] == 1 and why(plan(made)) == {WITHHELD: 1}
    assert [e.patient for e in examples_of(made.out, "train")] == ["p2"]
    moved = recipe(tmp_path, {"labels": LABELS}, withheld="test", out=str(tmp_path / "gold"))
    build(moved)
    assert [e.patient for e in examples_of(moved.out, "test")] == ["p1"]


def test_rows_that_wait_for_curated_text_are_named_and_refused(tmp_path: Path) -> None:
    raw, curated = {"findings": "Old."}, {"findings.curated": "Clear."}
    waiting = {
        "task": "report",
        "curated": "recipes/curate_priors.yaml",
        "published": 2,
        "options": {"sections": ["findings.curated"]},
    }
    tasks = {"reports": waiting, "labels": LABELS}
    Planted.STUDIES["a"] = [labelled(n, f"p{n}", "train", texts=raw) for n in (1, 2)]
    found = plan(recipe(tmp_path, tasks))
    assert found.waiting == ["reports"] and why(found) == {NOT_CURATED: 2}
    with pytest.raises(RecipeError, match="curate_priors"):
        build(recipe(tmp_path, tasks))
    assert not (tmp_path / "out").exists()
    assert build(recipe(tmp_path, tasks, partial=True))["mixture"] == "custom-partial"
    Planted.STUDIES["a"][0] = labelled(1, "p1", "train", texts=curated)
    found = plan(recipe(tmp_path, tasks))
    assert not found.waiting and why(found) == {NOT_CURATED: 1}


def test_the_difference_to_the_published_number_is_explained_to_the_unit(tmp_path: Path) -> None:
    Planted.STUDIES["a"] = [labelled(n, f"p{n}", "train") for n in range(1, 5)]
    row = {**LABELS, "source": "a", "published": 9}
    sources = {
        "a": {"source": "planted", "options": {"damaged": 2}},
        "b": {"source": "planted", "options": {"damaged": 1}},
    }
    found = plan(recipe(tmp_path, {"labels": row}, sources=sources))
    assert found.rows[0].difference == -5 and why(found) == {UNREADABLE: 2, ELSEWHERE: 3}
    more = plan(recipe(tmp_path, {"labels": {**row, "published": 3}}, sources=sources))
    assert why(more) == {MORE: -1}


def test_studies_without_a_split_are_counted_or_cut_by_a_hash(tmp_path: Path) -> None:
    Planted.STUDIES["a"] = [study(n, f"p{n}", None) for n in range(300)]
    Planted.STUDIES["a"].sort(key=lambda s: s.patient or "")
    tasks = {"labels": LABELS}
    assert build(recipe(tmp_path, tasks))["studies_without_split"] == 300
    cut = {"a": {"source": "planted", "split": "hash"}, "b": {"source": "planted"}}
    found = build(recipe(tmp_path, tasks, sources=cut, out=str(tmp_path / "cut")))["patients"]
    # 70/10/20 of 300, within four standard deviations of a fair draw.
    assert abs(found["train"] - 210) < 32 and abs(found["test"] - 60) < 28
    assert sum(found.values()) == 300


def test_credentialed_tables_are_their_owner_s_alone(tmp_path: Path) -> None:
    Planted.STUDIES["a"] = [labelled(1, "p1", "train")]
    made = recipe(tmp_path, {"labels": LABELS})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Planted, "access", "credentialed")
        manifest = build(made)
    assert manifest["access"] == "credentialed"
    assert manifest["sensitive"] == sorted(manifest["files"])
    for name in manifest["sensitive"]:
        assert (made.out / name).stat().st_mode & 0o077 == 0
