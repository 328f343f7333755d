"""A training run killed again and again ends as if it had not been.

    python -m benchmarks.kill_proof [--kills 20]

Trains the quick demo's model once undisturbed and once under SIGKILL at random moments, saves
included, and compares the losses of every step. Writes ``results/kills.json``.
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

import yaml

from benchmarks.results_file import write_result
from radvlm import recipe as recipes
from radvlm.build.run import build
from radvlm.demo.recipe import load_preset
from radvlm.sources.phantom.cohort import make_cohort

EPOCHS = 12.0
"""Long enough that a run killed twenty times has not ended before the last kill."""

TRAIN = [sys.executable, "-c", "from radvlm.cli import main; main()", "train"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    kills = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as folder:
        demo = load_preset("quick", Path(folder))
        make_cohort(demo.cohort, demo.out / "cohort")
        build(demo.build_recipe())
        schedule = demo.schedule.model_copy(update={"epochs": EPOCHS})
        changes = {"save_every": 3, "schedule": schedule}
        settings = demo.train_recipe().model_copy(update=changes)
        recipe = Path(folder) / "train.yaml"
        recipe.write_text(yaml.safe_dump(recipes.dump(settings)), encoding="utf-8")
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        subprocess.run([*TRAIN, recipe, f"out={whole}"], check=True)
        done = _killed(recipe, broken, kills)
        same = _losses(whole) == _losses(broken)
        steps = len(_losses(whole))
    figures = {"kills": done, "steps": steps, "identical": same}
    print(write_result("kills", f"python -m benchmarks.kill_proof --kills {kills}", done, figures))
    sys.exit(0 if same else 1)


def _killed(recipe: Path, out: Path, kills: int) -> int:
    """Kill the run up to so many times, then let it end; returns how often it was killed.

    Three kills in four come within a second after the run has saved, so that it gets on and later
    saves are hit too; the others while it starts.
    """
    rng = random.Random(0)
    done = 0
    while done < kills:
        process = subprocess.Popen([*TRAIN, recipe, f"out={out}"], stderr=subprocess.DEVNULL)
        if rng.random() < 0.75:
            _wait_for_save(process, out / "state")
            delay = rng.uniform(0, 1)
        else:
            delay = rng.uniform(0, 8)
        try:
            process.wait(timeout=delay)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done += 1
    subprocess.run([*TRAIN, recipe, f"out={out}"], check=True)
    return done


def _wait_for_save(process: subprocess.Popen[bytes], state: Path) -> None:
    before = _changed(state)
    while process.poll() is None and _changed(state) == before:
        time.sleep(0.02)


def _changed(state: Path) -> int:
    """When the state last appeared, in nanoseconds; 0 while there is none."""
    try:
        return state.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


if __name__ == "__main__":
    main()
