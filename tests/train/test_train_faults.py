"""What goes wrong ends a run with one line, and never takes what was there before with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from families import losses, recipe_of

from radvlm.errors import CheckpointError, IncompleteError, InputError, OutputError
from radvlm.runtime import state
from radvlm.runtime.processes import processes
from radvlm.train import guards
from radvlm.train.learner import Learner
from radvlm.train.meters import StepMeters
from radvlm.train.optimization import next_scale
from radvlm.train.planning import pack_rows, padded_rows
from radvlm.train.run import train

FAMILY = "llava_onevision"


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[StepMeters] = []
        self.closed = 0

    def step(self, meters: StepMeters) -> None:
        self.steps.append(meters)

    def close(self) -> None:
        self.closed += 1


def test_a_damaged_image_is_counted_named_and_replaced_by_nothing(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, FAMILY, "out", damaged=0.5)
    (tmp_path / "data" / "v3.png").write_bytes(b"\x89PNG no more")
    heard = Heard()
    train(recipe, listeners=[heard])
    lines = [json.loads(line) for line in (recipe.out / "damaged.jsonl").open()]
    assert lines and all("v3.png" in line["image"] for line in lines)
    # 24 examples of 1, 2 and 3 questions; those about the damaged image are missing.
    assert heard.steps[-1].samples == 48 - 1 - 2
    assert heard.closed == 1


def test_more_damage_than_tolerated_stops_the_run(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, FAMILY, "out", damaged=0.01)
    (tmp_path / "data" / "v3.png").unlink()
    with pytest.raises(IncompleteError, match=r"cannot be read .*v3\.png"):
        train(recipe)


def test_a_whole_batch_of_damaged_images_still_passes_through(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, FAMILY, "out", damaged=1.0, packing=400)
    for image in (tmp_path / "data").glob("*.png"):
        image.unlink()
    train(recipe)
    assert set(losses(recipe.out)) == {0.0}


def broken_loss(monkeypatch: pytest.MonkeyPatch, at: int, factor: float) -> None:
    plain, calls = Learner.forward, iter(range(1, 1000))

    def forward(self: Learner, batch: Any) -> torch.Tensor:
        loss = plain(self, batch)
        return loss * factor if next(calls) == at else loss

    monkeypatch.setattr(Learner, "forward", forward)


def test_nan_ends_the_run_before_the_weights_take_it_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(tmp_path, FAMILY, "out", save_every=1)
    with monkeypatch.context() as patched:
        broken_loss(patched, 3, float("nan"))
        with pytest.raises(IncompleteError, match="step 3: the loss is nan"):
            train(recipe)
    assert len(losses(recipe.out)) == 2
    train(recipe)
    assert len(losses(recipe.out)) == 4


def test_a_leap_of_the_loss_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = {"epochs": 8.0, "batch": 4, "lr": 1e-4}
    recipe = recipe_of(tmp_path, FAMILY, "out", schedule=schedule)
    broken_loss(monkeypatch, 25, 100.0)
    with pytest.raises(IncompleteError, match="step 25: the loss rose"):
        train(recipe)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_out_of_memory_says_what_was_too_much(error: Exception) -> None:
    with (
        pytest.raises(IncompleteError, match="micro-batch of 900 tokens"),
        guards.memory_errors(7, 900),
    ):
        raise error
    with pytest.raises(RuntimeError, match="something else"), guards.memory_errors(7, 900):
        raise RuntimeError("something else")


def test_a_full_disk_leaves_the_state_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recipe_of(tmp_path, FAMILY, "whole", save_every=1)
    train(whole)
    recipe = recipe_of(tmp_path, FAMILY, "out", save_every=1)
    plain, calls = state._save, iter(range(1, 100))

    def full(copies: Any, aside: Path, joined: Any) -> None:
        if next(calls) == 2:
            (aside / "half").write_bytes(b"x")
            raise OSError(28, "No space left on device")
        plain(copies, aside, joined)

    with monkeypatch.context() as patched:
        patched.setattr(state, "_save", full)
        with pytest.raises(OutputError, match=r"step 2 cannot be written .no space left"):
            train(recipe)
    assert [path.name for path in (recipe.out / "state").iterdir()] == ["step-00000001"]
    train(recipe)
    assert losses(recipe.out) == losses(whole.out)


def test_a_state_without_its_end_is_not_taken(tmp_path: Path) -> None:
    for name in ("step-00000004", "step-00000012", "step-00000020.partial"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-00000004" / "counters.json").write_text("{}", encoding="utf-8")
    (tmp_path / "step-00000020.partial" / "counters.json").write_text("{}", encoding="utf-8")
    found = state.newest(tmp_path)
    assert found is not None and found.name == "step-00000004"


def test_a_damaged_state_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of(tmp_path, FAMILY, "out", save_every=1)
    with monkeypatch.context() as patched:
        broken_loss(patched, 3, float("nan"))
        with pytest.raises(IncompleteError):
            train(recipe)
    for shard in (recipe.out / "state").rglob("*.safetensors"):
        shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        train(recipe)


def test_other_processes_than_reckoned_with_are_refused() -> None:
    with pytest.raises(InputError, match="1 processes were started"), processes(8):
        pass


def test_float16_halves_its_scale_until_gradients_are_finite() -> None:
    assert next_scale(1024.0, 5, finite=False) == (512.0, 0)
    assert next_scale(1024.0, 5, finite=True) == (1024.0, 6)
    assert next_scale(1024.0, 1999, finite=True) == (2048.0, 0)
    with pytest.raises(IncompleteError, match="any loss scale"):
        next_scale(1.0, 0, finite=False)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_sixteen_bits_learn_about_what_thirty_two_do(tmp_path: Path, precision: str) -> None:
    full = recipe_of(tmp_path, FAMILY, "full")
    half = recipe_of(tmp_path, FAMILY, "half", precision=precision)
    train(full)
    train(half)
    assert losses(half.out) == pytest.approx(losses(full.out), rel=0.05)


def test_meters_count_what_was_done(tmp_path: Path) -> None:
    heard = Heard()
    recipe = recipe_of(tmp_path, FAMILY, "out", packing=400)
    train(recipe, listeners=[heard])
    last = heard.steps[-1]
    assert [meters.step for meters in heard.steps] == [1, 2, 3, 4]
    assert last.samples == sum(k % 3 + 1 for k in range(24)) and last.total == 4
    assert last.seconds_left == 0 and 0 <= last.stall <= 1 and last.memory_bytes > 1 << 20
    assert last.tokens > last.samples and last.tokens_per_second > last.samples_per_second > 0
    assert not list(tmp_path.glob("out/state"))
    shutil.rmtree(recipe.out)


def test_packed_rows_hold_every_sequence_once_within_the_budget() -> None:
    groups: Any = [(k,) for k in range(13)]
    lengths = [100 + 37 * (k % 5) for k in range(13)]
    for size in (1, 2, 4):
        ranks = pack_rows(groups, lengths, 500, size)
        assert sorted(g for rows in ranks for row in rows for g in row) == groups
        assert len({len(rows) for rows in ranks}) == 1
        filled = [sum(lengths[g[0]] for g in row) for rows in ranks for row in rows]  # type: ignore[call-overload]
        assert max(filled) <= 500
    ranks = pack_rows(groups, lengths, 50, 2)
    assert sum(len(row) for rows in ranks for row in rows) == 13


def test_padded_rows_keep_the_order_of_arrival() -> None:
    groups: Any = [(k,) for k in range(8)]
    assert padded_rows(groups, 2, 2) == [[groups[:2], groups[2:4]], [groups[4:6], groups[6:]]]
    assert padded_rows(groups, None, 1) == [[groups]]
    short = padded_rows(groups[:3], None, 2)
    assert [len(rows) for rows in short] == [1, 1]
