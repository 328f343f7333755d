"""Judges' scores of a log: their mean with its interval, and how far judges agree.

Writes into the evaluation's folder ``judgements-<condition>.json`` (scores and failures by
example, no text) and keeps the calls in ``judge-calls.sqlite``, a private file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from radvlm.errors import RecipeError
from radvlm.evaluate.judge import Judgement, judge, key_of
from radvlm.evaluate.predict import Progress
from radvlm.evaluate.recipe import EvaluateRecipe, JudgeSection
from radvlm.evaluate.statistics import Floats, patient_of, resample
from radvlm.io.dataset import MANIFEST
from radvlm.io.egress import strictest
from radvlm.io.files import read_json, write_json
from radvlm.llm.client import Client
from radvlm.llm.store import CallStore
from radvlm.metrics.resampling import interval
from radvlm.records import Example, Prediction, Score

CALLS = "judge-calls.sqlite"


def judge_log(
    recipe: EvaluateRecipe,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    progress: Progress | None = None,
) -> list[Score]:
    """The scores of all judges, task by task; nothing that was judged before is sent again.

    Raises:
        RecipeError: a judge wrote the conversations itself.
        EgressError: the data may not go to a judge's endpoint.
    """
    judges = recipe.judges
    if judges is None:
        return []
    _refuse_generators(judges, recipe)
    asked = [example for example in examples if example.task in judges.tasks]
    access = strictest(example.access for example in asked)
    found: dict[str, dict[str, Judgement]] = {}
    with CallStore(recipe.out / CALLS) as store:
        for section in judges.models:
            mine = found.setdefault(key_of(section.model), {})
            with Client(section, store, access, way="judge") as client:
                for judgement in judge(client, asked, predictions):
                    mine[judgement.example] = judgement
                    if progress:
                        progress(len(mine), len(asked))
    write_json(recipe.out / f"judgements-{recipe.condition}.json", _as_plain(judges, found))
    return [s for task in judges.tasks for s in _scores(recipe, task, asked, found)]


def _refuse_generators(judges: JudgeSection, recipe: EvaluateRecipe) -> None:
    writers = read_json(recipe.data / MANIFEST).get("written_by", [])
    wrote = {one["model"] for one in writers if one.get("model")}
    if (same := wrote & {one.model for one in judges.models}) and not judges.same_model:
        raise RecipeError(
            f"{min(same)} wrote these conversations and would judge its own words",
            "judges",
            "Take another judge, or set judges.same_model=true and say so beside the figure",
        )


def _scores(
    recipe: EvaluateRecipe,
    task: str,
    asked: Sequence[Example],
    found: dict[str, dict[str, Judgement]],
) -> list[Score]:
    mine = [example for example in asked if example.task == task]
    if not mine:
        return []
    clusters = [patient_of(example) for example in mine]
    scored = {key: [one[example.id].score for example in mine] for key, one in found.items()}
    scores = []
    for key, values in scored.items():
        given = np.array([value or 0 for value in values], dtype=np.float64)
        figures = resample(_mean_of(given), clusters, *_bootstrap(recipe))
        failed = sum(value is None for value in values)
        total = len(values)
        scores.append(
            Score(
                f"{task}/{key}",
                float(figures[0]),
                interval(figures[1:]),
                total,
                total - failed,
                failed,
            )
        )
    return scores + [
        _agreement(f"{task}/agreement/{a} and {b},spearman", scored[a], scored[b])
        for a, b in combinations(scored, 2)
    ]


def _mean_of(values: Floats) -> Any:
    return lambda weights: weights @ values / weights.sum(axis=1)


def _bootstrap(recipe: EvaluateRecipe) -> tuple[int, int]:
    return recipe.bootstrap.samples, recipe.bootstrap.seed


def _agreement(key: str, first: Sequence[int | None], second: Sequence[int | None]) -> Score:
    """The rank correlation of two judges over what both of them scored."""
    both = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    ranks = np.array([_ranks([pair[k] for pair in both]) for k in (0, 1)])
    varied = len(both) > 1 and all(len(set(row)) > 1 for row in ranks.tolist())
    value = float(np.corrcoef(ranks)[0, 1]) if varied else None
    return Score(key, value, None, len(first), len(both), len(first) - len(both))


def _ranks(values: Sequence[int]) -> list[float]:
    """Ranks from 0, equal values sharing their mean rank."""
    ordered = np.sort(np.array(values))
    low = np.searchsorted(ordered, values, side="left")
    high = np.searchsorted(ordered, values, side="right")
    return list((low + high - 1) / 2)


def _as_plain(judges: JudgeSection, found: dict[str, dict[str, Judgement]]) -> dict[str, Any]:
    """Who judged, where and under which agreement, and what each gave each example."""
    return {
        "judges": [
            {
                "model": one.model,
                "endpoints": [endpoint.url for endpoint in one.endpoints],
                "agreement": one.agreement and one.agreement.model_dump(mode="json"),
            }
            for one in judges.models
        ],
        "scores": {
            key: {j.example: j.failure if j.score is None else j.score for j in mine.values()}
            for key, mine in found.items()
        },
    }
