"""What a run leaves beside the weights: answers, summary, and a folder that is not run twice."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from families import examples, losses, recipe_of
from test_train_families import Stop, interrupted

from radvlm.errors import CheckpointError
from radvlm.io.dataset import examples_of
from radvlm.models.opening import open_model
from radvlm.protocols import Chat, Decoding
from radvlm.train.recipe import TrainRecipe
from radvlm.train.run import train
from radvlm.train.sampling import questions
from radvlm.train.summary import as_text, summary_of

FAMILY = "llava_onevision"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def ended(root: Path) -> TrainRecipe:
    recipe = recipe_of(root, FAMILY, "ended", save_every=2, samples=3, packing=400)
    train(recipe)
    return recipe


def test_the_same_questions_are_answered_at_saves_and_at_the_end(ended: TrainRecipe) -> None:
    path = ended.out / "samples.json"
    found = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one["step"] for one in found["rounds"]] == [2, 4]
    assert all(len(one["replies"]) == len(found["asked"]) == 3 for one in found["rounds"])
    # The last answers are those of the checkpoint as anybody opens it.
    model = open_model(ended.out / "checkpoint")
    by_id = {e.id: e for e in examples_of(ended.data.folder, "train")}
    asked = [by_id[one["example"]] for one in found["asked"]]
    for example, reply in zip(asked, found["rounds"][-1]["replies"], strict=True):
        chat = Chat((Path(example.views[0].path),), example.turns[:1])
        assert next(iter(model.answer([chat], Decoding(max_tokens=200))))[1].text == reply


def test_asking_on_the_way_does_not_change_what_is_learned(root: Path, ended: TrainRecipe) -> None:
    silent = recipe_of(root, FAMILY, "silent", samples=0, packing=400)
    train(silent)
    assert losses(silent.out) == losses(ended.out)
    assert not (silent.out / "samples.json").exists()


def test_questions_are_of_every_task_in_turn(root: Path, ended: TrainRecipe) -> None:
    asked = questions(ended.model_copy(update={"samples": 4}), examples(root / "data"))
    assert [e.task for e in asked] == ["grounding", "report"] * 2
    assert len({e.id for e in asked}) == 4


def test_answers_of_steps_that_are_learned_again_are_asked_again(root: Path) -> None:
    recipe = recipe_of(root, FAMILY, "again", save_every=1, samples=2)
    interrupted(recipe, 3)
    rounds = json.loads((recipe.out / "samples.json").read_text())["rounds"]
    assert [one["step"] for one in rounds] == [1, 2, 3, 4]


def test_the_summary_counts_the_run(ended: TrainRecipe) -> None:
    found = summary_of(ended.out)
    assert found is not None
    trace = losses(ended.out)
    assert found["loss"] == {"first": trace[0], "last": trace[-1]}
    assert found["steps"] == 4 and found["questions"] == sum(k % 3 + 1 for k in range(24))
    assert found["sensitive"] == ["samples.json"] and found["access"] == "open"
    text = as_text(found)
    assert "4 steps" in text and "could not be read" not in text
    assert "5 sequences could not be read" in as_text({**found, "damaged": 5})


def test_a_run_that_has_ended_is_not_run_again(ended: TrainRecipe) -> None:
    before = (ended.out / "metrics.jsonl").stat().st_mtime_ns
    handled = ended.model_copy(update={"workers": 2, "save_every": 1, "samples": 1})
    assert train(handled) == ended.out / "checkpoint"
    assert (ended.out / "metrics.jsonl").stat().st_mtime_ns == before
    with pytest.raises(CheckpointError, match="run with another recipe"):
        train(ended.model_copy(update={"seed": 7}))


def test_a_run_goes_on_with_more_workers_but_not_with_another_rate(root: Path) -> None:
    recipe = recipe_of(root, FAMILY, "resumed", save_every=1)

    def stop(done: int, total: int, **_: str) -> None:
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        train(recipe, stop)
    schedule = recipe.schedule.model_copy(update={"lr": 5e-4})
    with pytest.raises(CheckpointError, match="another recipe"):
        train(recipe.model_copy(update={"schedule": schedule}))
    train(recipe.model_copy(update={"workers": 1}))
    assert len(losses(recipe.out)) == 4
