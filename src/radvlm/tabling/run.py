"""What the verbs ``tables`` and ``compare`` do, from folders to files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from radvlm import recipe as recipes
from radvlm.errors import InputError
from radvlm.evaluate.browse_data import Evaluation, open_evaluation
from radvlm.evaluate.predict import Progress
from radvlm.evaluate.recipe import EvaluateRecipe
from radvlm.evaluate.run import SCORES, evaluate
from radvlm.io import egress
from radvlm.io.files import atomic_path
from radvlm.tabling.figures import (
    boxed_tasks,
    draw_label_bars,
    drawn_items,
    grounding_grid,
    label_bars,
)
from radvlm.tabling.formats import FORMATS
from radvlm.tabling.layout import Filled, fill
from radvlm.tabling.overview import table_1, table_2
from radvlm.tabling.published import literature
from radvlm.tabling.results import Result, read_results

ENDINGS = {"markdown": "md", "latex": "tex", "csv": "csv"}
GREY = "#dddddd"
GRID = 8
"""Radiographs of a task in Figure 5."""


def filled_tables(folders: Sequence[Path], conditions: Sequence[str]) -> list[Filled]:
    """The tables for which the folders hold something, in the paper's order.

    Raises:
        TableError: a folder holds no results.
    """
    found = read_results(folders, conditions)
    tables = [table_1(found.manifests)] if found.manifests else []
    if found.results:
        tables.append(table_2(found.results))
        tables += [fill(table, found.results) for table in literature().tables]
    return tables


def write_tables(tables: Sequence[Filled], out: Path) -> list[Path]:
    """Every table in every format, each file whole or not at all."""
    written = []
    for name, ending in ENDINGS.items():
        for table in tables:
            path = out / f"table_{table.number}.{ending}"
            _write(path, FORMATS[name](table))  # type: ignore[index]  # ENDINGS has its keys
            written.append(path)
    return written


def figure_files(folders: Sequence[Path], conditions: Sequence[str], out: Path) -> list[Path]:
    """Figure 4 over all results, and a Figure 5 for each result and task with boxes.

    Pictures of data that is not open are not made: ``compare`` and ``browse`` keep them private.
    """
    results = [r for r in read_results(folders, conditions).results if r.condition in conditions]
    opened = [(result, open_evaluation(result.folder, result.condition)) for result in results]
    bars = [one for one in (label_bars(found) for _, found in opened) if one]
    written = []
    if bars:
        path = out / "figure_4.svg"
        figure = draw_label_bars(bars)
        for line in figure.axes[0].get_ygridlines():
            line.set_color(GREY)  # a page would colour them by its own style sheet
        with atomic_path(path) as aside:
            figure.savefig(aside, format="svg", metadata={"Date": None})
        written.append(path)
    for result, found in opened:
        written += _grids(result, found, out)
    return written


def _grids(result: Result, found: Evaluation, out: Path) -> list[Path]:
    written = []
    access = egress.strictest(example.access for example in found.examples)
    for task in boxed_tasks(found):
        name = re.sub(r"[^\w.]+", "-", f"{result.mixture} {task} {result.model}")
        path = out / f"figure_5_{name}.png"
        if egress.refusal(access, "page", str(path)):
            continue
        drawn = drawn_items(found, task, GRID, seed=0)
        if drawn:
            with atomic_path(path) as aside:
                grounding_grid(drawn).save(aside, format="PNG")
            written.append(path)
    return written


def evaluated(
    models: Sequence[Path],
    recipe: Path | None,
    condition: str,
    out: Path,
    limit: int | None,
    progress: Progress | None = None,
) -> list[Evaluation]:
    """The evaluation of each: as the folder holds it, or else made now with the recipe.

    Raises:
        InputError: a model was not evaluated and there is no recipe, or two have one name.
    """
    names = [model.resolve().name for model in models]
    folders = []
    for model, name in zip(models, names, strict=True):
        if (model / SCORES).exists():
            folders.append(model)
            continue
        if recipe is None:
            raise InputError(
                "holds no scores", model, "Evaluate it, or name an evaluation: --recipe"
            )
        if names.count(name) > 1:
            raise InputError(f"two models are called {name!r}", model, "Rename a folder")
        keys = [f"model={model}", f"out={out / name}", f"condition={condition}"]
        keys += [f"limit={limit}"] if limit else []
        loaded = recipes.load(EvaluateRecipe, recipe, keys)
        evaluate(loaded, progress)
        folders.append(loaded.out)
    return [open_evaluation(folder, condition) for folder in folders]


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8")
