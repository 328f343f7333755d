"""``radvlm ablate``: a model for each kind of task beside the one trained on all (paper, §4.4).

In: a training recipe with its ablation overlays, and an evaluation. Out: a folder a model with its
run and its scores, and the paper's Table 6 from them. What is done is not done again, so models
may have been trained elsewhere, each in a cluster job of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

from radvlm import recipe as recipes
from radvlm.errors import InputError
from radvlm.evaluate.protocol import ProtocolRecipe, is_protocol, run_protocol
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.run import evaluate
from radvlm.io.progress import Stages
from radvlm.recipe import Recipe
from radvlm.tabling.layout import Filled, fill
from radvlm.tabling.published import literature
from radvlm.tabling.results import read_results
from radvlm.train.recipe import TrainRecipe
from radvlm.train.run import train

Alone = Literal[
    "report",
    "classification",
    "anatomical_grounding",
    "abnormality_grounding",
    "phrase_grounding",
    "conversation",
]
ALL = "all"
TABLE = "6"
EVERY: tuple[Alone, ...] = get_args(Alone)


class AblateRecipe(Recipe):
    """``train`` and ``evaluate`` are recipe files; their overrides hold for all models."""

    train: Path
    evaluate: Path
    overrides: tuple[str, ...] = ()
    evaluate_overrides: tuple[str, ...] = ()
    alone: tuple[Alone, ...] = EVERY


def ablate(recipe: AblateRecipe, quiet: bool = False) -> Filled:
    """Train and evaluate every model of the table, those that are there excepted.

    Raises:
        InputError: it was started in several processes, in which models are trained but not
            compared.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            "compares models in one process",
            "radvlm ablate",
            "Train each with torchrun and ablation=…, then run this without",
        )
    runs = {name: training_of(recipe, name) for name in (*recipe.alone, ALL)}
    found: list[Path] = []
    with Stages(total=2 * len(runs), quiet=quiet) as stages:
        for name, run in runs.items():
            with stages.stage(f"Training on {_title(name)}") as bar:
                train(run, bar)
            with stages.stage(f"Evaluating {_title(name)}") as bar:
                found.append(_evaluate(recipe, name, run, bar))
    return table_6(found)


def training_of(recipe: AblateRecipe, name: str) -> TrainRecipe:
    """The training recipe of one model of the table."""
    label = f"{_title(name)} alone" if name != ALL else "All"
    overlay = [f"ablation={name}"] if name != ALL else []
    own = [f"out={recipe.out / name / 'model'}", f"model.name={label}"]
    return recipes.load(TrainRecipe, recipe.train, [*recipe.overrides, *overlay, *own])


def table_6(folders: Sequence[Path]) -> Filled:
    """The paper's table from the results of its models."""
    table = next(table for table in literature().tables if table.number == TABLE)
    return fill(table, read_results(folders).results)


def _evaluate(
    recipe: AblateRecipe, name: str, run: TrainRecipe, progress: Callable[..., None]
) -> Path:
    """Ask a model about the tasks it was trained on; returns where its scores are."""
    out = recipe.out / name / "scores"
    given = [*recipe.evaluate_overrides, f"model={run.out / 'checkpoint'}", f"out={out}"]
    if not is_protocol(recipe.evaluate):
        evaluation = recipes.load(EvaluateRecipe, recipe.evaluate, given)
        tasks = run.tasks or evaluation.tasks
        evaluate(evaluation.model_copy(update={"tasks": tasks}), progress)
        return out
    protocol = recipes.load(ProtocolRecipe, recipe.evaluate, given)
    # A test set names its tasks, or else those it has metrics for.
    sets = {
        key: one
        for key, one in protocol.sets.items()
        if not run.tasks or {*(one.tasks or one.metrics)} & {*run.tasks}
    }
    run_protocol(protocol.model_copy(update={"sets": sets}), progress)
    return out


def _title(name: str) -> str:
    return {"report": "Report generation", ALL: "all tasks"}.get(
        name, name.replace("_", " ").capitalize()
    )
