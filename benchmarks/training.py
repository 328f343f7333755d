"""What packing brings on the CPU: real tokens a second against the same batches padded.

    python -m benchmarks.training [--steps 8] [--rounds 3]

Trains a tiny LLaVA-OneVision on the quick demo's data set with one question a sequence, as the
published recipe has it: packed, padded in the order of arrival, and one sequence at a time. Rounds
take turns, so that a busy machine harms all alike. Writes ``results/training.json`` and
``training.md``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results_file import RESULTS, write_result
from benchmarks.training_page import write_page
from radvlm.build.run import build
from radvlm.demo.recipe import load_preset
from radvlm.models.tiny import TinyConfig
from radvlm.runtime.processes import processes
from radvlm.runtime.state import Counters
from radvlm.sources.phantom.cohort import make_cohort
from radvlm.train.arithmetic import Arithmetic
from radvlm.train.loading import load
from radvlm.train.metering import Counted, Meters
from radvlm.train.meters import StepMeters
from radvlm.train.planning import Lengths, plan
from radvlm.train.recipe import ModelChoice, TrainRecipe
from radvlm.train.run import start_model, train, training_examples

BATCH, BUDGET = 32, 2048
LAYOUTS: dict[str, dict[str, int]] = {
    "packed": {"packing": BUDGET},
    "padded": {},
    "one at a time": {"micro_batch": 1},
}
MODEL = TinyConfig(
    image_size=56,
    patch_size=14,
    vision_width=64,
    vision_layers=2,
    text_width=256,
    text_layers=4,
    text_mlp=1024,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), given.steps, given.rounds)
    command = f"python -m benchmarks.training --steps {given.steps} --rounds {given.rounds}"
    path = write_result("training", command, given.steps * given.rounds, figures)
    write_page(RESULTS, RESULTS.parent / "training.md")
    print(path)
    sys.exit(0 if figures["bars_met"] else 1)


def measure(folder: Path, steps: int, rounds: int) -> dict[str, Any]:
    """The figures of all layouts."""
    base = _recipe(folder, steps)
    layouts: dict[str, dict[str, Any]] = {
        name: {"real_share": _real_share(base.model_copy(update=layout), steps), "rates": []}
        for name, layout in LAYOUTS.items()
    }
    for number in range(rounds):
        for name, layout in LAYOUTS.items():
            out = folder / f"{name}-{number}"
            rate = _rate(base.model_copy(update={**layout, "out": out}))
            layouts[name]["rates"].append(round(rate))
    for found in layouts.values():
        found["tokens_per_second"] = statistics.median(found["rates"])
    packed = layouts["packed"]
    pairs = zip(packed["rates"], layouts["padded"]["rates"], strict=True)
    gains = [round(mine / other, 2) for mine, other in pairs]
    gain = statistics.median(gains)
    meters = _meters_share(base)
    met = packed["real_share"] >= 0.95 and gain >= 1.3 and meters < 0.01
    return {
        "batch": BATCH,
        "budget": BUDGET,
        "layouts": layouts,
        "gains": gains,
        "gain_over_padded": gain,
        "meters_share": round(meters, 5),
        "bars_met": met,
    }


class Clock:
    """Times the steps after the first."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, int]] = []

    def step(self, meters: StepMeters) -> None:
        """A step is done."""
        self.marks.append((time.perf_counter(), meters.tokens))

    def close(self) -> None:
        """The run has ended."""

    @property
    def rate(self) -> float:
        """Tokens that are no padding a second."""
        (began, before), (ended, after) = self.marks[0], self.marks[-1]
        return (after - before) / (ended - began)


def _recipe(folder: Path, steps: int) -> TrainRecipe:
    demo = load_preset("quick", folder)
    make_cohort(demo.cohort, demo.out / "cohort")
    build(demo.build_recipe())
    settings = demo.train_recipe()
    count = len(training_examples(settings))
    schedule = settings.schedule.model_copy(
        update={"batch": BATCH, "epochs": (steps + 1) * BATCH / count}
    )
    choice = ModelChoice(tiny=MODEL, name=settings.model.name, scope=settings.model.scope)
    changes = {
        "schedule": schedule,
        "questions_per_sequence": 1,
        "threads": 2,
        "samples": 0,
        "model": choice,
    }
    return settings.model_copy(update=changes)


def _real_share(recipe: TrainRecipe, steps: int) -> float:
    """Tokens that are no padding among all that are computed."""
    examples = training_examples(recipe)
    model = start_model(recipe, examples)
    real = computed = 0
    for micro in load(model, plan(examples, recipe, Lengths(model), 0, 1, 0, steps), 0):
        lengths = [len(row.tokens.ids) for row in micro.rows]
        real += sum(lengths)
        computed += len(lengths) * max(lengths)
    return round(real / computed, 4)


def _rate(recipe: TrainRecipe) -> float:
    clock = Clock()
    train(recipe, listeners=[clock])
    return clock.rate


def _meters_share(recipe: TrainRecipe) -> float:
    """Time of the meters among that of a padded step."""
    clock = Clock()
    train(recipe.model_copy(update={"out": recipe.out / "meters"}), listeners=[clock])
    step = (clock.marks[-1][0] - clock.marks[0][0]) / (len(clock.marks) - 1)
    examples = training_examples(recipe)
    model = start_model(recipe, examples)
    rows = next(load(model, plan(examples, recipe, Lengths(model), 0, 1, 0, 1), 0)).rows
    count, done = Arithmetic(model), Counters(step=1, samples=BATCH, tokens=1000)
    with processes() as joined:
        meters = Meters(joined, Counters(), 2)
        began = time.perf_counter()
        for _ in range(100):
            meters.after(done, Counted(BATCH, 1000, 100, count(rows), 0, 0.0), 1.0, 1.0)
        return (time.perf_counter() - began) / 100 / step


if __name__ == "__main__":
    main()
