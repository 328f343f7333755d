"""``radvlm tables`` and ``radvlm compare``: results beside the paper's, and beside each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radvlm.verbs.saying import AsJson, say, show_tables, stage

if TYPE_CHECKING:
    from radvlm.evaluate.browse_data import Evaluation
    from radvlm.tabling.formats import Format

Conditions = Annotated[
    list[str] | None, typer.Option("--condition", help="trained (default), untrained, blind …")
]


def tables(
    results: Annotated[
        list[Path], typer.Argument(help="Folders of evaluations, of protocols, or of built data.")
    ],
    condition: Conditions = None,
    form: Annotated[
        str | None, typer.Option("--format", help="markdown, latex or csv, instead of a display.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write tables in all formats, and figures, into a folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tables 1 to 6 of the paper from results; published rows only where they are comparable."""
    from radvlm.tabling.formats import FORMATS, as_plain
    from radvlm.tabling.run import figure_files, filled_tables, write_tables

    filled = filled_tables(results, condition or ["trained"])
    if out is not None:
        written = write_tables(filled, out) + figure_files(results, condition or ["trained"], out)
        return say(as_json, [str(path) for path in written], "\n".join(map(str, written)))
    if as_json:
        return print(json.dumps([as_plain(table) for table in filled], indent=2))
    if form is not None:
        if form not in FORMATS:
            raise typer.BadParameter(f"--format is one of {', '.join(FORMATS)}, not {form!r}")
        chosen: Format = form
        return print("\n".join(FORMATS[chosen](table) for table in filled))
    show_tables(filled)


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(help="Checkpoints or served models, or folders they were evaluated into."),
    ],
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", help="An evaluation, for models that were not evaluated yet."),
    ] = None,
    condition: Annotated[str, typer.Option("--condition")] = "trained",
    out: Annotated[Path, typer.Option("--out", help="Where results and page go.")] = Path(
        "runs/compare"
    ),
    limit: Annotated[int | None, typer.Option("--limit", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Predict and score where needed, test the differences, and lay all out on one page."""
    from dataclasses import asdict

    from radvlm.tabling.compare_page import write_compare_page

    found = _evaluations(models, recipe, condition, out, limit, as_json)
    page = out / "compare.html"
    rows = write_compare_page(found, page)
    told = sum(
        one is not None and one.verdict != "cannot be told"
        for row in rows
        for one in row.differences
    )
    data = {"page": str(page), "figures": [asdict(row) for row in rows]}
    say(as_json, data, f"{page}: {len(rows)} figures, {told} differences that can be told")


def _evaluations(
    models: list[Path],
    recipe: Path | None,
    condition: str,
    out: Path,
    limit: int | None,
    quiet: bool,
) -> list[Evaluation]:
    from radvlm.tabling.run import evaluated

    with stage("Comparing", quiet) as bar:
        return evaluated(models, recipe, condition, out, limit, bar)
