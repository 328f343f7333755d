"""Training on the tiny model: what is learned from, resuming, rates, what a folder holds."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from radvlm.demo.recipe import DemoRecipe
from radvlm.errors import CheckpointError, InputError
from radvlm.io.dataset import examples_of
from radvlm.models.batches import IGNORED
from radvlm.models.card import TOY_SCOPE
from radvlm.models.llava_onevision import LlavaOnevision
from radvlm.models.opening import open_model
from radvlm.records import Example
from radvlm.train.learner import Learner
from radvlm.train.optimization import make_optimizer, set_rate
from radvlm.train.recipe import Schedule, TrainRecipe
from radvlm.train.run import train
from radvlm.train.sequences import to_chats


class Stop(Exception):
    pass


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").open()]


def short(recipe: TrainRecipe, out: Path) -> TrainRecipe:
    schedule = recipe.schedule.model_copy(update={"epochs": 0.15})
    return recipe.model_copy(update={"out": out, "schedule": schedule, "save_every": 2})


@pytest.fixture
def recipe(demo_recipe: DemoRecipe, data: Path) -> TrainRecipe:
    return demo_recipe.train_recipe()


def test_the_loss_falls_and_the_checkpoint_says_it_is_a_toy(checkpoint: Path) -> None:
    trace = losses(checkpoint.parent)
    assert sum(trace[-5:]) < 0.7 * sum(trace[:5])
    model = open_model(checkpoint)
    assert model.info.scope == TOY_SCOPE and model.info.access == "open"
    assert "anatomical_grounding" in model.info.tasks
    assert not (checkpoint.parent / "state").exists()


def test_a_run_interrupted_anywhere_ends_bit_identical(recipe: TrainRecipe, tmp_path: Path) -> None:
    whole, broken = short(recipe, tmp_path / "whole"), short(recipe, tmp_path / "broken")
    train(whole)

    def stop_at(done: int, total: int, **_: str) -> None:
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        train(broken, stop_at)
    train(broken)
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")
    first, second = (
        LlavaOnevision.from_folder(tmp_path / name / "checkpoint").network.state_dict()
        for name in ("whole", "broken")
    )
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_state_of_another_recipe_is_not_continued(recipe: TrainRecipe, tmp_path: Path) -> None:
    def stop_at(done: int, total: int, **_: str) -> None:
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        train(short(recipe, tmp_path), stop_at)
    with pytest.raises(CheckpointError, match="another recipe"):
        train(short(recipe, tmp_path).model_copy(update={"seed": 5}))


def test_a_task_the_data_lacks_is_refused(recipe: TrainRecipe, tmp_path: Path) -> None:
    changed = recipe.model_copy(update={"out": tmp_path, "tasks": ("unheard_of",)})
    with pytest.raises(InputError, match="no training example"):
        train(changed)


def test_the_loss_is_the_plain_cross_entropy_of_the_assistant_s_tokens(
    checkpoint: Path, data: Path
) -> None:
    model = LlavaOnevision.from_folder(checkpoint)
    examples = list(islice(examples_of(data, "train"), 3))
    encoded = [model.encode_group(to_chats([e])) for e in examples]
    batch = model.collate(encoded, left=False)
    found = Learner(model.network)(batch) / batch["labels"].ne(IGNORED).sum()
    logits = model.network(**{k: v for k, v in batch.items() if k != "labels"}).logits
    plain = functional.cross_entropy(logits[:, :-1].transpose(1, 2), batch["labels"][:, 1:])
    assert found.item() == pytest.approx(plain.item(), rel=1e-5)


def test_examples_that_share_an_image_learn_as_each_alone(checkpoint: Path, data: Path) -> None:
    model = LlavaOnevision.from_folder(checkpoint)
    groups: dict[str, list[Example]] = {}
    for example in examples_of(data, "train"):
        groups.setdefault(example.views[0].id, []).append(example)
    first, second = list(groups.values())[:2]
    packed = model.collate(
        [model.encode_group(to_chats(first[:5])), model.encode_group(to_chats(second[:3]))], False
    )
    apart = model.collate(
        [model.encode_group(to_chats([e])) for e in (*first[:5], *second[:3])], left=False
    )
    assert packed["input_ids"].shape[0] == 2 and apart["input_ids"].shape[0] == 8
    weights = list(model.network.parameters())
    gradients = []
    for batch in (packed, apart):
        loss = Learner(model.network)(batch) / batch["labels"].ne(IGNORED).sum()
        found = torch.autograd.grad(loss, weights, allow_unused=True)
        gradients.append((loss.item(), [g for g in found if g is not None]))
    assert gradients[0][0] == pytest.approx(gradients[1][0], rel=1e-5)
    for a, b in zip(gradients[0][1], gradients[1][1], strict=True):
        assert torch.allclose(a, b, atol=1e-5 * max(1.0, float(b.abs().max())))


def test_each_group_gets_its_rate_and_every_weight_is_in_one(checkpoint: Path) -> None:
    model = LlavaOnevision.from_folder(checkpoint)
    network = model.network
    schedule = Schedule(lr=1e-3, vision_lr=2e-4, warmup=0.1)
    optimizer = make_optimizer(model, schedule)
    grouped = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(grouped) == len(list(network.parameters()))
    tower = {id(p) for n, p in network.named_parameters() if "vision_tower" in n}
    for group in optimizer.param_groups:
        mine = {id(p) in tower for p in group["params"]}
        assert mine == {group["peak"] == 2e-4}


def test_the_schedule_warms_up_peaks_and_ends_at_zero() -> None:
    optimizer = torch.optim.AdamW([{"params": [torch.zeros(1)], "lr": 1.0, "peak": 1.0}])
    factors = [set_rate(optimizer, Schedule(warmup=0.1), step, 100) for step in range(101)]
    assert factors[0] == pytest.approx(0.1) and max(factors) == 1.0 == factors[9]
    assert factors[55] == pytest.approx(0.5) and factors[100] == pytest.approx(0.0)
