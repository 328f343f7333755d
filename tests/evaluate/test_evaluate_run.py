"""The stage as a whole: files, conditions, and a run killed at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_evaluation import TASKS, FakeModel, fake_examples
from radvlm.errors import OutputError, RecipeError, TableError
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.run import data_hash, evaluate, score_log
from radvlm.io.dataset import MANIFEST, shard_name
from radvlm.io.files import write_json
from radvlm.io.tables import write_examples
from radvlm.recipe import check
from radvlm.registry import TABLES

EXAMPLES = fake_examples(20)

KILLED = """
import sys
from dataclasses import replace
from pathlib import Path
import fake_evaluation
fake_evaluation.register()
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.run import evaluate
evaluate(EvaluateRecipe.model_validate_json(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, task in TASKS.items():
        monkeypatch.setitem(TABLES["tasks"], name, f"fake_evaluation:{type(task).__name__}")
    monkeypatch.setitem(TABLES["models"], "fake", "fake_evaluation:FakeModel")


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    """A recipe's values, with its data set and model on disk."""
    data = tmp_path / "data"
    data.mkdir()
    parts = {"test": EXAMPLES, "train": fake_examples(9)}
    names = {split: shard_name(f"examples-{split}", 0, 1) for split in parts}
    for split, examples in parts.items():
        write_examples(data / names[split], examples)
    leak = {"contaminated_test_examples": [EXAMPLES[0].id, "elsewhere"]}
    about = {"mixture": "fakes", "content": {"test": "c0ffee"}, "sources": [], "leak": leak}
    write_json(data / MANIFEST, {**about, "files": dict.fromkeys(names.values(), "")})
    FakeModel.perfect(EXAMPLES).save(tmp_path / "model")
    bootstrap = {"samples": 100}
    return {
        "out": str(tmp_path / "out"),
        "data": str(data),
        "model": str(tmp_path / "model"),
        "bootstrap": bootstrap,
    }


def run(tree: dict[str, Any], **changes: Any) -> dict[str, float | None]:
    scores = evaluate(check(EvaluateRecipe, {**tree, **changes}))
    return {score.key: score.value for score in scores}


def test_scores_say_how_many_examples_are_contaminated(tree: dict[str, Any]) -> None:
    run(tree)
    saved = json.loads((Path(tree["out"]) / "scores.json").read_text())
    assert saved["contaminated"] == {"n": 1, "of": len(EXAMPLES)}


def test_each_condition_is_one_entry_of_one_file(tree: dict[str, Any]) -> None:
    trained = run(tree)
    blind, majority = run(tree, condition="blind"), run(tree, condition="majority", model=None)
    assert list(trained.values()) == pytest.approx([1] * 5)
    assert all(value is not None and value < 0.9 for value in [*blind.values(), *majority.values()])
    out = Path(tree["out"])
    saved = json.loads((out / "scores.json").read_text())
    assert list(saved["conditions"]) == ["trained", "blind", "majority"]
    assert saved["data"] == data_hash(EXAMPLES[::-1])
    assert saved["access"] == "open" and saved["examples"] == 40
    entry = saved["conditions"]["trained"]
    assert entry["model"] == [{"name": "fake", "revision": "r0", "codec": "radvlm_01"}]
    assert {s["key"]: s["value"] for s in entry["scores"]} == trained
    assert json.loads((out / "recipe-blind.json").read_text())["condition"] == "blind"


def test_scores_come_from_the_log_alone(tree: dict[str, Any]) -> None:
    trained = run(tree)
    (Path(tree["model"]) / "answers.json").unlink()
    again = score_log(check(EvaluateRecipe, tree))
    assert {score.key: score.value for score in again} == trained


def test_a_line_lost_from_the_log_is_a_failure(tree: dict[str, Any]) -> None:
    run(tree)
    log = Path(tree["out"]) / "predictions-trained.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[1:]))
    assert log.stat().st_mode & 0o077 == 0
    scores = score_log(check(EvaluateRecipe, tree))
    assert sum(score.n_failed for score in scores) > 0
    assert min(score.value or 0 for score in scores) < 1
    log.unlink()
    with pytest.raises(TableError, match="Predict first"):
        score_log(check(EvaluateRecipe, tree))


def test_tasks_and_limits_choose_the_examples(tree: dict[str, Any]) -> None:
    scores = evaluate(check(EvaluateRecipe, {**tree, "tasks": ["fake_boxes"], "limit": 7}))
    assert {(s.key.split("/")[0], s.n_total) for s in scores} == {("fake_boxes", 7)}
    other = {**tree, "out": tree["out"] + "-2", "per_task": 3}
    assert {s.n_total for s in evaluate(check(EvaluateRecipe, other))} == {3, 6}
    some = {**tree, "out": tree["out"] + "-4", "per_task": {"fake_boxes": 5}}
    sizes = {(s.key.split("/")[0], s.n_total) for s in evaluate(check(EvaluateRecipe, some))}
    assert ("fake_boxes", 5) in sizes
    assert min(n for task, n in sizes if task != "fake_boxes") > 5
    shares = {"fake_boxes": 5, "fake_facts": 2}
    one = {**tree, "out": tree["out"] + "-5", "tasks": ["fake_facts"], "per_task": shares}
    sizes = {(s.key.split("/")[0], s.n_total) for s in evaluate(check(EvaluateRecipe, one))}
    assert sizes == {("fake_facts", 4)}  # two facts an example
    with pytest.raises(OutputError, match="other examples"):
        run(tree)
    with pytest.raises(RecipeError, match="fake_bokses"):
        run(tree, tasks=["fake_bokses"])
    with pytest.raises(RecipeError, match="fake_bokses"):
        run(tree, per_task={"fake_bokses": 5})
    with pytest.raises(RecipeError, match="needs a model"):
        run({**tree, "out": tree["out"] + "-3"}, model=None)


def test_killed_anywhere_nothing_is_lost_or_repeated(tree: dict[str, Any], tmp_path: Path) -> None:
    whole = run(tree, out=str(tmp_path / "whole"))
    FakeModel.perfect(EXAMPLES, seconds=0.03).save(Path(tree["model"]))
    recipe = check(EvaluateRecipe, {**tree, "batch_size": 4})
    log = recipe.out / "predictions-trained.jsonl"
    command = [sys.executable, "-c", KILLED, recipe.model_dump_json()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    seen: list[str] = []
    for after in (3, 11, 26):
        with subprocess.Popen(command, env=environment) as process:
            while process.poll() is None and _lines(log) < after:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        ids = _ids(log)
        assert ids[: len(seen)] == seen and after <= len(ids) < len(EXAMPLES)
        seen = ids
    FakeModel.perfect(EXAMPLES).save(Path(tree["model"]))
    assert {score.key: score.value for score in evaluate(recipe)} == whole
    assert sorted(_ids(log)) == sorted(example.id for example in EXAMPLES)


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def _ids(log: Path) -> list[str]:
    whole = log.read_bytes().rpartition(b"\n")[0].splitlines()
    return [json.loads(line)["prediction"]["example"] for line in whole]


def test_figures_by_group_stand_beside_the_scores(tree: dict[str, Any]) -> None:
    scores = evaluate(check(EvaluateRecipe, {**tree, "by": ["sex", "view"]}))
    saved = json.loads((Path(tree["out"]) / "scores.json").read_text())
    groups = saved["conditions"]["trained"]["subgroups"]
    assert set(groups) == {score.key for score in scores}
    for key, rows in groups.items():
        assert [(row["by"], row["group"]) for row in rows] == [("sex", "unknown"), ("view", "PA")]
        whole = next(score for score in scores if score.key == key)
        assert all(row["value"] == pytest.approx(whole.value) for row in rows)
        # Twenty patients are too few to say anything of.
        assert all(row["small"] and row["p_adjusted"] is None for row in rows)


def test_the_data_hash_is_of_what_is_asked_and_wanted() -> None:
    first = data_hash(EXAMPLES)
    assert data_hash(EXAMPLES[::-1]) == first
    moved = [replace(e, views=tuple(replace(v, path="/elsewhere.png") for v in e.views))
             for e in EXAMPLES]  # fmt: skip
    assert data_hash(moved) == first
    # What an answer may carry besides, such as probabilities, is nobody's wish.
    (user, reply, *rest) = EXAMPLES[0].turns
    assert reply.target is not None
    odds = replace(reply, target=replace(reply.target, probabilities={"edema": 0.5}))
    other = replace(reply, target=replace(reply.target, text="another"))
    assert data_hash([replace(EXAMPLES[0], turns=(user, odds, *rest)), *EXAMPLES[1:]]) == first
    assert data_hash([replace(EXAMPLES[0], turns=(user, other, *rest)), *EXAMPLES[1:]]) != first
