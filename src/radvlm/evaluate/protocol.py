"""A protocol: one model on several test sets, each with its metrics, by one command.

``radvlm evaluate recipes/evaluate/paper.yaml model=CHECKPOINT`` evaluates every set into
``out/NAME`` and writes ``out/protocol.json``. A test set that is not built stops the run before
anything is asked, with the recipe that builds it; ``partial: true`` goes on without and says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import Field, PositiveInt

from radvlm.errors import InputError, RecipeError
from radvlm.evaluate.predict import Progress
from radvlm.evaluate.recipe import (
    BootstrapSection,
    Condition,
    DecodingSection,
    EvaluateRecipe,
    GreenSection,
    JudgeSection,
)
from radvlm.evaluate.rexrank import RexrankSection, write_submission
from radvlm.evaluate.run import chosen, evaluate, log_path, measured_log
from radvlm.evaluate.statistics import Floats, patient_of, resample
from radvlm.evaluate.tables import scores_as_json
from radvlm.io.dataset import MANIFEST
from radvlm.io.files import write_json
from radvlm.metrics.resampling import interval
from radvlm.recipe import Recipe, Section
from radvlm.records import Score


class TestSet(Section):
    """A built data set, which recipe builds it, and what is measured on it."""

    data: Path
    built_by: Path
    tasks: tuple[str, ...] | None = None
    metrics: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    per_task: PositiveInt | dict[str, PositiveInt] | None = None


class ProtocolRecipe(Recipe):
    """``sets`` in the order of the protocol; all else as in an evaluation, for every set.

    ``gaps`` names pairs of sets whose figures are compared: the first minus the second, for a
    model whose training saw one of them. ``rexrank`` writes a submission from a set's reports.
    """

    name: str
    sets: dict[str, TestSet]
    model: Path | None = None
    condition: Condition = "trained"
    partial: bool = False
    gaps: tuple[tuple[str, str], ...] = ()
    rexrank: RexrankSection | None = None
    limit: PositiveInt | None = None
    batch_size: PositiveInt = 32
    decoding: DecodingSection = DecodingSection()
    bootstrap: BootstrapSection = BootstrapSection()
    judges: JudgeSection | None = None
    green: GreenSection | None = None
    by: tuple[str, ...] = ()
    seed: int = 0


SHARED = ("model", "condition", "limit", "batch_size", "decoding", "bootstrap", "by", "seed")


def is_protocol(path: Path) -> bool:
    """Whether a recipe file is of several test sets."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False  # loading it as an evaluation says what is wrong
    return isinstance(tree, dict) and "sets" in tree


def recipes_of(protocol: ProtocolRecipe) -> dict[str, EvaluateRecipe]:
    """The evaluation of each set that is built.

    Raises:
        RecipeError: one is not, and the protocol is not ``partial``; or none is.
    """
    missing = [name for name, one in protocol.sets.items() if not (one.data / MANIFEST).exists()]
    if missing and (not protocol.partial or len(missing) == len(protocol.sets)):
        first = protocol.sets[missing[0]]
        raise RecipeError(
            f"{len(missing)} of {len(protocol.sets)} test sets are not built: {', '.join(missing)}",
            first.data,
            f"radvlm build {first.built_by} out={first.data} …, or go on without: partial=true",
        )
    present = {name: one for name, one in protocol.sets.items() if name not in missing}
    return {name: _recipe(protocol, name, one) for name, one in present.items()}


def run_protocol(
    protocol: ProtocolRecipe, progress: Progress | None = None
) -> dict[str, list[Score]]:
    """Evaluate every set that is built; the scores by set, gaps between sets last."""
    recipes = recipes_of(protocol)
    scores = {name: evaluate(recipe, progress) for name, recipe in recipes.items()}
    gaps = [pair for pair in protocol.gaps if set(pair) <= recipes.keys()]
    for first, second in gaps:
        scores[f"{first} minus {second}"] = gap(recipes[first], recipes[second])
    written: dict[str, Any] = {}
    if protocol.rexrank and protocol.rexrank.reports in recipes:
        chosen_set = recipes[protocol.rexrank.reports]
        written = write_submission(protocol.rexrank, chosen(chosen_set), log_path(chosen_set))
    write_json(
        protocol.out / "protocol.json",
        {
            "schema_version": 1,
            "protocol": protocol.name,
            "sets": {name: recipe.out.name for name, recipe in recipes.items()},
            "not_built": sorted(protocol.sets.keys() - recipes.keys()),
            "gaps": {f"{a} minus {b}": scores_as_json(scores[f"{a} minus {b}"]) for a, b in gaps},
            "submission": written,
        },
    )
    return scores


def gap(first: EvaluateRecipe, second: EvaluateRecipe) -> list[Score]:
    """``first`` minus ``second`` of every figure that both sets have, with its interval.

    The sets are of different patients, so each is resampled by itself.
    """
    one = {measured.key: measured for measured in measured_log(first)}
    two = {measured.key: measured for measured in measured_log(second)}
    found = []
    for key in (key for key in one if key in two):
        pair = one[key], two[key]
        drawn = [
            resample(
                measured.values,
                [patient_of(item.example) for item in measured.items],
                recipe.bootstrap.samples,
                recipe.bootstrap.seed + number,
            )
            for number, (measured, recipe) in enumerate(zip(pair, (first, second), strict=True))
        ]
        found.append(_difference(f"{key},gap", drawn, [len(m.items) for m in pair]))
    return found


def _difference(key: str, drawn: list[Floats], counts: list[int]) -> Score:
    length = min(map(len, drawn))
    values = drawn[0][:length] - drawn[1][:length]
    if np.isnan(values[0]):
        return Score(key, None, None, sum(counts), 0, 0, "undefined in one of the sets")
    return Score(key, float(values[0]), interval(values[1:]), sum(counts), sum(counts), 0)


def _recipe(protocol: ProtocolRecipe, name: str, one: TestSet) -> EvaluateRecipe:
    own = one.model_dump(exclude={"built_by"})
    shared = {key: getattr(protocol, key) for key in SHARED}
    sections = {"judges": protocol.judges, "green": protocol.green}
    try:
        return EvaluateRecipe(out=protocol.out / name, **own, **shared, **sections)
    except ValueError as error:
        raise InputError(f"set {name!r}: {error}", protocol.name, "Correct the recipe") from error
