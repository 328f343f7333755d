"""``radvlm browse``: the examples of an evaluation on a page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radvlm.verbs.saying import AsJson, say, stage


def browse(
    results: Annotated[Path, typer.Argument(help="The folder of an evaluation.")],
    condition: Annotated[
        str, typer.Option("--condition", help="trained, untrained, blind, majority …")
    ] = "trained",
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; beside the folder unless given.")
    ] = None,
    share_safe: Annotated[
        bool, typer.Option("--share-safe", help="Aggregates alone: no image, text or id.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only so many examples, at random.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Every example of an evaluation on one page: boxes, answers, worst figures first."""
    from radvlm.evaluate.browse import write_browse_page
    from radvlm.inspecting.disclosure import Disclosure

    counts = Disclosure(share_safe)
    with stage("Laying out the examples", as_json) as bar:
        facts = write_browse_page(
            results,
            condition,
            counts,
            out,
            share_safe=share_safe,
            limit=limit,
            progress=bar,
        )
    shown = "aggregates alone" if share_safe else f"{facts['examples']:,} examples"
    failed = f"{counts.text(facts['failed'])} of {counts.text(facts['answers'])} answers failed"
    say(as_json, facts, f"{facts['page']}: {shown}; {failed}")
