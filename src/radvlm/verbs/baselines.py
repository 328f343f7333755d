"""``radvlm baseline``: the published models one can compare with, each in its own environment."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from radvlm.verbs.saying import AsJson, say

app = typer.Typer(help="Published models to compare with.", no_args_is_help=True)


@app.command("list")
def list_baselines(as_json: AsJson = False) -> None:
    """Each baseline: tasks, training data, where its weights are had, and if it is set up."""
    from radvlm.baselines.environment import MADE, place_of
    from radvlm.baselines.table import BASELINES, baseline

    cards = [baseline(name).card for name in BASELINES]
    ready = {card.name: (place_of(card.name) / MADE).exists() for card in cards}
    data = [{**asdict(card), "environment": ready[card.name]} for card in cards]
    say(as_json, data, _table(cards, ready))


@app.command("setup")
def setup_baseline(
    name: Annotated[str, typer.Argument(help="See radvlm baseline list.")],
    folder: Annotated[Path | None, typer.Option("--environment", help="Where to make it.")] = None,
    python: Annotated[str, typer.Option("--python", help="The interpreter.")] = sys.executable,
    as_json: AsJson = False,
) -> None:
    """Make a baseline's environment from its pinned lock; weights are not fetched."""
    from radvlm.baselines.environment import setup
    from radvlm.baselines.table import baseline

    made = setup(name, folder, python)
    card = baseline(name).card
    say(
        as_json,
        {"baseline": name, "environment": str(made)},
        f"{made}: ready. Weights: {card.apply}",
    )


def _table(cards: Any, ready: dict[str, bool]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title="Baselines", title_justify="left", box=box.SIMPLE_HEAD)
    for head in ("name", "tasks", "trained on", "set up", "weights"):
        table.add_column(head, overflow="fold")
    for card in cards:
        tasks = ", ".join(card.tasks).replace("_", " ")
        saw = ", ".join(card.saw) or "no radiographs known"
        table.add_row(card.name, tasks, saw, "yes" if ready[card.name] else "no", card.apply)
    return table
