"""``radvlm models``: what families there are, and what a checkpoint really writes."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from radvlm.records import Split
from radvlm.verbs.saying import AsJson, say

app = typer.Typer(help="Families of models, and checks of a checkpoint.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Families that can be loaded and trained, and the conventions of boxes."""
    from radvlm import registry
    from radvlm.codecs import CODECS

    data = {"families": registry.names("models"), "codecs": sorted(CODECS)}
    text = "\n".join(f"{kind}: {', '.join(names)}" for kind, names in data.items())
    say(as_json, data, text)


@app.command("probe")
def probe_model(
    model: Annotated[Path, typer.Argument(help="A checkpoint, or the file of a served model.")],
    data: Annotated[Path, typer.Option("--data", help="A built data set with boxes.")],
    split: Annotated[Split, typer.Option("--split")] = "test",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Questions asked.")] = 32,
    as_json: AsJson = False,
) -> None:
    """Read boxed answers with every codec; exit status 1 where another than its own fits better."""
    from radvlm.io.dataset import examples_of
    from radvlm.io.egress import strictest
    from radvlm.models.opening import opened
    from radvlm.probing import probe

    examples = list(examples_of(data, split))
    with opened(model, strictest(one.access for one in examples)) as made:
        found = probe(made, examples, limit)
    say(as_json, asdict(found), _table(found))
    if found.warning:
        print(f"warning: {found.warning}", file=sys.stderr)
        raise typer.Exit(1)


@app.command("card")
def write_card(
    model: Annotated[Path, typer.Argument(help="A checkpoint.")],
    scores: Annotated[
        list[Path] | None, typer.Option("--scores", help="A folder of its evaluation; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a checkpoint's model card (README.md), with the scores of its evaluations."""
    from radvlm.models.model_card import write_model_card

    written = str(write_model_card(model, scores or ()))
    say(as_json, {"card": written}, written)


@app.command("push")
def push(
    model: Annotated[Path, typer.Argument(help="A checkpoint with a model card.")],
    repository: Annotated[str, typer.Argument(help="On the Hugging Face hub: OWNER/NAME.")],
    public: Annotated[bool, typer.Option("--public", help="For everybody to see.")] = False,
    as_json: AsJson = False,
) -> None:
    """Upload a checkpoint; refused where the data it was trained on may not leave."""
    from radvlm.models.publishing import push_to_hub

    place = push_to_hub(model, repository, private=not public)
    say(as_json, {"uploaded": place}, place)


def _table(found: Any) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=f"Boxes of {found.model}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("codec")
    table.add_column("mean IoU", justify="right")
    table.add_column("replies with a box", justify="right")
    for fit in found.fits:
        name = f"{fit.codec} (its own)" if fit.own else fit.codec
        table.add_row(name, f"{fit.mean_iou:.3f}", f"{fit.read} of {fit.of}")
    return table
