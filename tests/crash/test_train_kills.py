"""A training run killed three times by SIGKILL; ``benchmarks.train_kills`` does it fifty times."""

from __future__ import annotations

from pathlib import Path

from benchmarks.train_kills import SAVE_EVERY, kill_training


def test_a_killed_run_ends_with_the_losses_of_the_undisturbed_one(tmp_path: Path) -> None:
    found = kill_training(tmp_path, 3)
    assert found["kills"] == 3 and found["identical"]
    assert found["most_steps_lost"] < 2 * SAVE_EVERY
    assert found["left"] == [
        "checkpoint",
        "metrics.jsonl",
        "recipe.json",
        "summary.json",
        "training.html",
    ]
