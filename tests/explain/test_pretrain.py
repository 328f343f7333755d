"""Pretraining end to end on a few simulated images: loss, resuming, what is written and refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from radvlm import recipe as recipes
from radvlm.errors import CheckpointError, IncompleteError, RecipeError
from radvlm.explain import pretrain as module
from radvlm.explain.autoencoder import DiffusionAutoencoder, psnr
from radvlm.explain.pixels import to_tensor
from radvlm.explain.pretrain import pretrain
from radvlm.explain.recipe import PretrainRecipe
from radvlm.runtime.processes import Processes

TINY = {
    "base": "small",
    "side": 32,
    "width": 8,
    "embedding": 16,
    "z": 16,
    "encoder_width": 8,
    "encoder_multipliers": [1, 2],
    "attention": [],
}


def recipe_of(cohort: Path, out: Path, **changes: object) -> PretrainRecipe:
    schedule = {"images": 16 * 8, "batch": 8, "lr": 2e-3, "ema": 0.9}
    tree = {
        "out": str(out),
        "data": {"roots": {"phantom": str(cohort)}},
        "sources": {"phantom": {"source": "phantom"}},
        "network": TINY,
        "schedule": schedule | dict(changes.pop("schedule", {})),  # type: ignore[call-overload]
        "save_every": 6,
        "threads": 1,
        "workers": 1,
    }
    return recipes.check(PretrainRecipe, tree | changes)


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explain") / "pre"
    pretrain(recipe_of(cohort, out, schedule={"images": 800}))
    return out


def test_the_loss_falls_and_the_folder_can_be_used(trained: Path, cohort: Path) -> None:
    found = losses(trained)
    assert len(found) == 100 and found[-1] < 0.8 * found[0]
    assert not (trained / "state").exists()
    made = DiffusionAutoencoder.load(trained / "autoencoder", steps=40, refine=1)
    assert made.card.scope.startswith("toy") and made.card.psnr is not None
    images = np.load(trained / "squares.npy")[:6]
    z = made.encode(images)
    assert z.shape == (6, 16) and z.dtype == np.float32
    rebuilt = made.decode(made.invert(images, z), z)
    assert psnr(images, rebuilt).mean() > psnr(images, made.from_code(z)).mean() + 3


def test_a_run_that_was_stopped_ends_with_the_same_bits(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain(recipe_of(cohort, tmp_path / "whole"))
    step = module._step

    def stopping(*args: object) -> object:
        done = step(*args)  # type: ignore[arg-type]
        if done.step == 10:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(module, "_step", stopping)
    with pytest.raises(KeyboardInterrupt):
        pretrain(recipe_of(cohort, tmp_path / "stopped"))
    assert (tmp_path / "stopped" / "state" / "step-00000006").exists()
    monkeypatch.setattr(module, "_step", step)
    pretrain(recipe_of(cohort, tmp_path / "stopped"))
    whole, again = (
        load_file(tmp_path / name / "autoencoder" / "network.safetensors")
        for name in ("whole", "stopped")
    )
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert losses(tmp_path / "whole") == losses(tmp_path / "stopped")


def test_two_processes_learn_what_one_does(cohort: Path, tmp_path: Path) -> None:
    """The same images a step and averaged gradients; times and noise are drawn anew."""
    path = tmp_path / "r.yaml"
    made = recipe_of(cohort, tmp_path / "two", processes=2)
    path.write_text(json.dumps(recipes.dump(made)))
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    verb = ["-m", "radvlm.cli", "explain", "pretrain", str(path), "--json"]
    code = "from radvlm.cli import main; main()"
    script = tmp_path / "run.py"
    script.write_text(code)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*run, str(script), *verb[2:]]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert len(losses(tmp_path / "two")) == 16 and losses(tmp_path / "two")[-1] < 1.0
    assert (tmp_path / "two" / "autoencoder" / "autoencoder.json").exists()


@pytest.mark.parametrize("first", [0, 4])
@pytest.mark.parametrize(("rank", "size"), [(0, 1), (0, 2), (1, 2)])
@pytest.mark.parametrize("batch", [4, 16])
def test_batches_are_the_epochs_permutations_in_turn(
    cohort: Path, tmp_path: Path, rank: int, size: int, first: int, batch: int
) -> None:
    """Against the formula, place by place; 7 images, so that batches cross the edges of epochs."""
    recipe = recipe_of(cohort, tmp_path, schedule={"batch": batch}, shift=0.1, seed=3)
    chosen = np.array([1, 2, 4, 5, 7, 8, 9])
    images = np.random.default_rng(0).integers(0, 255, (10, 32, 32), dtype=np.uint8)
    joined = Processes(rank, size, torch.device("cpu"))
    found = list(module._batches(images, chosen, recipe, joined, first, 9))
    assert len(found) == 9 - first
    for step, made in enumerate(found, first):
        rng = np.random.default_rng((3, 1, step, rank))
        wanted = []
        for place in range(step * batch + rank, (step + 1) * batch, size):
            order = np.random.default_rng((3, place // 7)).permutation(chosen)
            wanted.append(module._shifted(images[order[place % 7]], 0.1, rng))
        assert torch.equal(made, to_tensor(np.stack(wanted)))


def test_an_epoch_is_shuffled_once(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(cohort, tmp_path, schedule={"batch": 4})
    plain, shuffled = np.random.default_rng, []

    def counting(seed: tuple[int, ...]) -> np.random.Generator:
        shuffled.append(seed[1])
        return plain(seed)

    monkeypatch.setattr(np.random, "default_rng", counting)
    assert len(list(module._drawn(np.arange(7), recipe, 0, 9))) == 9
    assert shuffled == [0, 1, 2, 3, 4, 5]  # 36 images of 7 an epoch


def test_an_image_of_another_kind_is_out_of_domain(trained: Path) -> None:
    made = DiffusionAutoencoder.load(trained / "autoencoder")
    noise = np.random.default_rng(0).integers(0, 255, (4, 32, 32), dtype=np.uint8)
    known = np.load(trained / "squares.npy")[:20]
    assert made.domain(noise).max() < made.domain(known).min()


def test_what_cannot_be_trained_is_refused(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no image"):
        pretrain(
            recipe_of(
                cohort,
                tmp_path / "a",
                sources={"phantom": {"source": "phantom", "only": ["nobody"]}},
            )
        )
    with pytest.raises(IncompleteError, match="loss"):
        pretrain(recipe_of(cohort, tmp_path / "b", schedule={"lr": 1e6}, spike=1.5))
    with pytest.raises(CheckpointError, match="no diffusion autoencoder"):
        DiffusionAutoencoder.load(tmp_path)
    with pytest.raises(RecipeError, match="network"):
        recipe_of(cohort, tmp_path / "c", network="gigantic")
