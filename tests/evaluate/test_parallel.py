"""One process and two leave the same log, but for the time that replies took."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radvlm.errors import RecipeError
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.run import log_path, predict_log


def recipe(data: Path, checkpoint: Path, out: Path, workers: int) -> EvaluateRecipe:
    return EvaluateRecipe(
        out=out,
        data=data,
        model=checkpoint,
        per_task=3,
        workers=workers,
        decoding={"max_tokens": 6},
    )


def lines(made: EvaluateRecipe) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log_path(made).read_text().splitlines()]
    for line in found:
        for reply in line["prediction"]["replies"]:
            reply["seconds"] = 0
    return found


def test_two_workers_leave_the_log_of_one(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    alone, together = (recipe(data, checkpoint, tmp_path / str(n), n) for n in (1, 2))
    asked = [e.id for e in predict_log(alone)]
    predict_log(together)
    by_example = {line["prediction"]["example"]: line for line in lines(alone)}
    assert [by_example[name] for name in asked] == lines(together)
    assert [p.name for p in together.out.iterdir()] == [log_path(together).name]
    before = log_path(together).read_bytes()
    predict_log(together)  # nothing is asked twice
    assert log_path(together).read_bytes() == before


def test_a_served_model_needs_no_workers(data: Path, tmp_path: Path) -> None:
    card = tmp_path / "served.yaml"
    card.write_text("name: x\n")
    with pytest.raises(RecipeError, match="workers"):
        predict_log(recipe(data, card, tmp_path / "out", 2))
