"""The demo's model fine-tuned and tested on a public collection of real chest radiographs.

    python -m benchmarks.real_cxr --images ../shared/data/real_cxr

Needs `runs/demo` (make demo). Builds, fine-tunes, evaluates the test patients under four
conditions, within each source and pooled; writes ``results/real_cxr.json`` and ``real_cxr.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.real_cxr_page import write_page
from benchmarks.results_file import write_result
from radvlm import recipe as recipes
from radvlm.build.recipe import BuildRecipe
from radvlm.build.run import build
from radvlm.evaluate.log import read_predictions
from radvlm.evaluate.recipe import Condition, EvaluateRecipe
from radvlm.evaluate.run import chosen, evaluate, log_path, shown_images, tasks_of
from radvlm.evaluate.score import score
from radvlm.io.progress import Stages
from radvlm.records import Example, Score
from radvlm.train.recipe import TrainRecipe
from radvlm.train.run import train
from radvlm.vocabulary import NO_FINDING

HERE = Path(__file__).parents[1] / "recipes" / "real_cxr"
CONDITIONS: tuple[Condition, ...] = ("untrained", "blind", "majority", "trained")
GROUPS: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "lungs": ("anatomical_grounding", ("covid_cxr", "montgomery", "shenzhen"), None),
    "tuberculosis": ("classification", ("montgomery", "shenzhen"), "Tuberculosis"),
    "pneumonia (children)": ("classification", ("kermany",), "Pneumonia"),
    "normal or abnormal": ("classification", ("montgomery", "shenzhen", "kermany"), NO_FINDING),
    "NIH labels": ("classification", ("nih", "nih64"), None),
}
"""Name → task, sources, and the one label asked about where it is one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, default=Path("../shared/data/real_cxr"))
    arguments = parser.parse_args()
    made = recipes.load(
        BuildRecipe, HERE / "build.yaml", [f"data.roots.real_cxr={arguments.images}"]
    )
    tuned = recipes.load(TrainRecipe, HERE / "train.yaml")
    began = time.perf_counter()
    with Stages(total=2 + len(CONDITIONS)) as stages:
        with stages.stage("Building") as bar:
            manifest = build(made, bar)
        with stages.stage("Fine-tuning") as bar:
            if not (tuned.out / "checkpoint").exists():
                train(tuned, bar)
        for condition in CONDITIONS:
            with stages.stage(f"Evaluating: {condition}") as bar:
                evaluate(_recipe(condition, tuned), bar)
    figures: dict[str, Any] = {
        "seconds": round(time.perf_counter() - began),
        "studies": manifest["studies"],
        "patients": manifest["patients"],
        "quarantined": manifest["quarantined"],
        "groups": _groups(tuned),
    }
    answers = sum(g["n"] for group in figures["groups"].values() for g in group.values())
    path = write_result("real_cxr", "python -m benchmarks.real_cxr", answers, figures)
    write_page(path, Path(__file__).parent / "real_cxr.md")


def _recipe(condition: Condition, tuned: TrainRecipe) -> EvaluateRecipe:
    """``untrained`` is the demo's model, which has never seen a real radiograph."""
    start = [f"model={tuned.model.folder}"] if condition == "untrained" else []
    return recipes.load(EvaluateRecipe, HERE / "evaluate.yaml", [f"condition={condition}", *start])


def _groups(tuned: TrainRecipe) -> dict[str, dict[str, Any]]:
    """Group → source (or ``pooled``) → figures under every condition."""
    settings = {condition: _recipe(condition, tuned) for condition in CONDITIONS}
    examples = chosen(settings["trained"])
    found: dict[str, dict[str, Any]] = {}
    for name, (task, sources, label) in GROUPS.items():
        of_task = [e for e in examples if e.task == task and label in (None, _asked(e))]
        pools = {source: [e for e in of_task if e.source == source] for source in sources}
        pools["pooled"] = [e for e in of_task if e.source in sources]
        found[name] = {
            pool: _scored(members, settings) for pool, members in pools.items() if members
        }
    return found


def _asked(example: Example) -> str | None:
    """The label a closed question is about; none for an open one."""
    target = example.turns[-1].target
    return next(iter(target.labels)) if target and len(target.labels) == 1 else None


def _scored(
    examples: Sequence[Example], settings: Mapping[Condition, EvaluateRecipe]
) -> dict[str, Any]:
    figures: dict[str, dict[str, Any]] = {}
    scores: list[Score] = []
    for condition, recipe in settings.items():
        scores = score(
            examples,
            read_predictions(log_path(recipe)),
            tasks_of(examples),
            images=shown_images(recipe, chosen(recipe)),
        )
        for one in scores:
            figures.setdefault(one.key, {})[condition] = {
                "value": one.value,
                "interval": one.interval,
                "failed": one.n_failed,
            }
    return {"n": scores[0].n_total, "figures": figures}


if __name__ == "__main__":
    main()
