"""What all verbs share: recipes from the command line, progress, results on standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radvlm.recipe import Recipe
    from radvlm.records import Score
    from radvlm.tabling.layout import Filled

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output alone.")]


def load(kind: Any, path: Path, overrides: list[str] | None, flags: dict[str, Any]) -> Any:
    """The recipe of that kind, with overrides and flags applied."""
    from radvlm import recipe

    given = [f"{key}={value}" for key, value in flags.items() if value is not None]
    return recipe.load(kind, path, [*(overrides or []), *given])


def show_plan(recipe: Recipe) -> None:
    """Print the resolved recipe and its hash."""
    from radvlm.recipe import digest, dump

    print(json.dumps({"recipe": dump(recipe), "digest": digest(recipe)}, indent=2))


def stage(name: str, quiet: bool) -> Any:
    """The display of the verb's only stage."""
    from radvlm.io.progress import Stages

    return Stages(total=1, quiet=quiet).alone(name)


def say_scores(as_json: bool, scores: Sequence[Score]) -> None:
    """Print scores as a table or as JSON."""
    from radvlm.evaluate.tables import scores_as_json, scores_as_table

    say(as_json, scores_as_json(scores), scores_as_table(scores))


def say(as_json: bool, data: Any, text: Any) -> None:
    """Print a result: the data for a program, the text for a person."""
    if as_json:
        print(json.dumps(data, indent=2))
    else:
        Console(soft_wrap=True).print(text, markup=False) if isinstance(
            text, str
        ) else Console().print(text)


def show_tables(filled: Sequence[Filled]) -> None:
    """Display tables of the paper with what has to stand below each."""
    from radvlm.tabling.formats import as_rich, notes

    console = Console()
    for table in filled:
        first, *others = as_rich(table)
        console.print(first)
        for note in notes(table):
            console.print(f"  {note}", style="dim", markup=False, highlight=False)
        for other in others:
            console.print(other)
        console.print()
