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
from pathlib import Path

import yaml

from benchmarks.results_file import write_result
from radvlm import recipe as recipes
from radvlm.build.run import build
from radvlm.demo.recipe import load_preset
from radvlm.sources.phantom.cohort import make_cohort

TRAIN = [sys.executable, "-c", "from radvlm.cli import main; main()", "train"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    kills = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as folder:
        demo = load_preset("quick", Path(folder))
        make_cohort(demo.cohort, demo.out / "cohort")
        build(demo.build_recipe())
        settings = demo.train_recipe().model_copy(update={"save_every": 3})
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
    """Kill the run up to so many times, then let it end; returns how often it was killed."""
    rng = random.Random(0)
    done = 0
    while done < kills:
        process = subprocess.Popen([*TRAIN, recipe, f"out={out}"], stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=rng.uniform(6, 14))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done += 1
    subprocess.run([*TRAIN, recipe, f"out={out}"], check=True)
    return done


def _losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


if __name__ == "__main__":
    main()
