"""``radvlm demo``: cohort → data set → model → scores → page, each stage kept when rerun.

A stage leaves its folder whole or not at all and its duration in ``stages.json``; an interrupted
demo goes on with the stage it was in, training and predictions from within.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radvlm import recipe as recipes
from radvlm.build.run import build
from radvlm.demo.content import page_data
from radvlm.demo.recipe import CONDITIONS, DemoRecipe, load_preset
from radvlm.errors import CheckpointError
from radvlm.evaluate.page import write_page
from radvlm.evaluate.run import evaluate
from radvlm.io.files import check_writable, read_json, write_json
from radvlm.io.progress import Stages
from radvlm.sources.phantom.cohort import make_cohort
from radvlm.train.run import start_model, train, training_examples

Progress = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its title, the file or folder it ends with, and what it does."""

    title: str
    leaves: Path
    work: Callable[[DemoRecipe, Progress], object]


def run_demo(preset: str, out: Path, quiet: bool) -> dict[str, Any]:
    """Run a preset into ``out``; returns where the page is, how long it took, what to try next.

    Raises:
        CheckpointError: ``out`` holds a demo of another recipe.
    """
    recipe = load_preset(preset, out)
    check_writable(out)
    done = _earlier(recipe)
    stages = _stages(recipe)
    with Stages(total=len(stages) + 1, quiet=quiet) as display:
        for stage in stages:
            with display.stage(stage.title) as bar:
                if stage.title not in done or not stage.leaves.exists():
                    began = time.perf_counter()
                    stage.work(recipe, bar)
                    done[stage.title] = round(time.perf_counter() - began, 1)
                    _remember(recipe, done)
        with display.stage("Writing the report") as bar:
            write_page(page_data(recipe, done, next_commands(out)), out / "report.html")
            bar(1, 1)
    return {"page": str(out / "report.html"), "seconds": done, "next": next_commands(out)}


def next_commands(out: Path) -> list[tuple[str, str]]:
    """(what it does, command) to try after the demo."""
    image = min((out / "cohort" / "images").iterdir())
    model = out / "model" / "checkpoint"
    return [
        (
            "read one radiograph and draw its boxes",
            f"radvlm read {image} --model {model} --draw boxes.png",
        ),
        ("talk about it", f"radvlm chat {image} --model {model}"),
        ("look into the checkpoint", f"radvlm inspect {model}"),
        ("simulate a cohort of your own", "radvlm phantom my_cohort --patients 100 --seed 7"),
    ]


def _stages(recipe: DemoRecipe) -> list[Stage]:
    out = recipe.out
    return [
        Stage("Simulating radiographs", out / "cohort", _cohort),
        Stage("Building the instruction data set", out / "data", _build),
        Stage("Training a tiny model from scratch", out / "model" / "checkpoint", _train),
        Stage("Evaluating every task", out / "evaluation" / "scores.json", _evaluate),
    ]


def _cohort(recipe: DemoRecipe, bar: Progress) -> None:
    make_cohort(recipe.cohort, recipe.out / "cohort", workers=os.cpu_count() or 1, progress=bar)


def _build(recipe: DemoRecipe, bar: Progress) -> None:
    build(recipe.build_recipe(), bar)


def _train(recipe: DemoRecipe, bar: Progress) -> None:
    settings = recipe.train_recipe()
    start_model(settings, training_examples(settings)).save(recipe.untrained)
    train(settings, bar)


def _evaluate(recipe: DemoRecipe, bar: Progress) -> None:
    for number, condition in enumerate(CONDITIONS):

        def shifted(done: int, total: int, number: int = number, name: str = condition) -> None:
            bar(number * total + done, len(CONDITIONS) * total, note=name)

        evaluate(recipe.evaluate_recipe(condition), shifted)


def _earlier(recipe: DemoRecipe) -> dict[str, float]:
    """Durations of the stages an earlier run of the same recipe has finished."""
    path = recipe.out / "stages.json"
    if not path.exists():
        return {}
    found = read_json(path)
    if found["recipe"] != recipes.digest(recipe):
        raise CheckpointError("holds a demo of another recipe", recipe.out, "Choose another --out")
    return dict(found["seconds"])


def _remember(recipe: DemoRecipe, done: dict[str, float]) -> None:
    write_json(recipe.out / "stages.json", {"recipe": recipes.digest(recipe), "seconds": done})
