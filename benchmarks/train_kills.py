"""A training run killed again and again ends as if it had not been.

    python -m benchmarks.train_kills [--kills 50]

Trains the quick demo's model once undisturbed and once under SIGKILL at random moments, saves
included, and compares the losses of every step. After every kill it is counted how many steps the
newest whole state lies behind; a state is written beside training, so a kill in the midst of one
costs an interval and the steps since it began. Writes ``results/kills.json``.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.results_file import RESULTS, write_result
from benchmarks.training_page import write_page
from radvlm import recipe as recipes
from radvlm.build.run import build
from radvlm.demo.recipe import load_preset
from radvlm.runtime.state import newest
from radvlm.sources.phantom.cohort import make_cohort

SAVE_EVERY = 3
STEPS_A_KILL = 6
"""Enough steps that the run has not ended before the last kill."""

TRAIN = [sys.executable, "-c", "from radvlm.cli import main; main()", "train"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    kills = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as folder:
        figures = kill_training(Path(folder), kills)
    command = f"python -m benchmarks.train_kills --kills {kills}"
    print(write_result("kills", command, figures["kills"], figures))
    write_page(RESULTS, RESULTS.parent / "training.md")
    right = figures["identical"] and figures["most_steps_lost"] < 2 * SAVE_EVERY
    sys.exit(0 if right and figures["kills"] == kills else 1)


def kill_training(folder: Path, kills: int) -> dict[str, Any]:
    """Train undisturbed and under kills; what came of it."""
    demo = load_preset("quick", folder)
    make_cohort(demo.cohort, demo.out / "cohort")
    build(demo.build_recipe())
    schedule = demo.schedule.model_copy(update={"epochs": 1 + kills * STEPS_A_KILL / 24})
    changes = {"save_every": SAVE_EVERY, "schedule": schedule, "samples": 0}
    recipe = folder / "train.yaml"
    settings = demo.train_recipe().model_copy(update=changes)
    recipe.write_text(yaml.safe_dump(recipes.dump(settings)), encoding="utf-8")
    whole, broken = folder / "whole", folder / "broken"
    _run(recipe, whole)
    attack = Attack(recipe, broken)
    attack.kill_often(kills)
    _run(recipe, broken)
    left = sorted(p.name for p in broken.iterdir())
    return {
        "kills": attack.done,
        "kills_while_writing": attack.writing,
        "save_every": SAVE_EVERY,
        "most_steps_lost": attack.lost,
        "steps": len(_losses(whole)),
        "identical": _losses(whole) == _losses(broken),
        "left": left,
    }


class Attack:
    """Kills of one run; ``writing`` of them while a state was half written."""

    def __init__(self, recipe: Path, out: Path) -> None:
        self.recipe, self.out = recipe, out
        self.done = self.writing = self.lost = 0
        self._rng = random.Random(0)

    def kill_often(self, kills: int) -> None:
        """Kill the run so many times, or until it has ended.

        A kill in four comes while it starts, another while it writes a state, and the others
        within a second after a step, so that it gets on.
        """
        state = self.out / "state"
        while self.done < kills:
            process = subprocess.Popen(
                [*TRAIN, str(self.recipe), f"out={self.out}"], stderr=subprocess.DEVNULL
            )
            kind = self._rng.choice(("start", "write", "step", "step"))
            if kind == "start":
                self._wait(process, self._rng.uniform(0, 8))
            else:
                before = newest(state)
                while process.poll() is None and newest(state) == before:
                    time.sleep(0.01)
                while kind == "write" and process.poll() is None and not _half(state):
                    time.sleep(0.001)
                self._wait(process, self._rng.uniform(0, 0.05 if kind == "write" else 1))
            if process.poll() is not None:
                return
            self._kill(process, state)

    def _wait(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return

    def _kill(self, process: subprocess.Popen[bytes], state: Path) -> None:
        process.kill()
        process.wait()
        self.done += 1
        self.writing += _half(state)
        found = newest(state)
        reached = len(_losses(self.out)) if (self.out / "metrics.jsonl").exists() else 0
        self.lost = max(self.lost, reached - (int(found.name[5:]) if found else 0))


def _half(state: Path) -> bool:
    return any(state.glob("*.partial"))


def _run(recipe: Path, out: Path) -> None:
    subprocess.run([*TRAIN, str(recipe), f"out={out}"], check=True, stderr=subprocess.DEVNULL)


def _losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    # The last line of a killed run may be torn.
    return [json.loads(line)["loss"] for line in lines if line.endswith("}")]


if __name__ == "__main__":
    main()
