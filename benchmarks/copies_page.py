"""``results/copies.json`` → the table of ``docs/mixtures.md`` on how well copies are found."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from radvlm.errors import InputError
from radvlm.io.files import atomic_path, read_json

BEGIN, END = "<!-- made by benchmarks/copies_real.py -->", "<!-- end -->"


def write_table(results: Path, document: Path) -> None:
    """Put the table between the two marks of the document; its figures are those of the results.

    Raises:
        InputError: the document lacks one of the marks.
    """
    before, begin, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError("has no place for the table", document, f"Add {BEGIN} and {END}")
    with atomic_path(document) as aside:
        text = "\n".join(table(read_json(results)))
        aside.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def table(found: dict[str, Any]) -> list[str]:
    """A sentence and a row for each change of a picture."""
    figures = found["figures"]
    distinct, twins, search = figures["distinct"], figures["twins"], figures["search"]
    said = (
        f"Measured on {found['n']:,} real radiographs (commit {found['commit']}) at a distance of "
        f"{figures['distance']} of {figures['bits']} bits: {distinct['false']} of "
        f"{distinct['pairs']:,} pairs of distinct pictures are called the same, and "
        f"{twins['found']} of {twins['of']} known twins in other encodings are found (missed: "
        f"{', '.join(twins['missed']) or 'none'}). Thumbnails of 64 × 64 were left out. "
        f"{search['training']:,} pictures against {search['held_out']:,} take "
        f"{search['seconds']:.0f} s on one core. A crop is named by what it takes of width and "
        "height, half of it at each side."
    )
    return [
        *textwrap.wrap(said, 140, break_on_hyphens=False),
        "",
        "| the copy is | found | bits that differ, median | 99th percentile |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {name} | {100 * one['recall']:.1f} % | {one['bits_median']:.0f} "
            f"| {one['bits_99']:.0f} |"
            for name, one in figures["changes"].items()
        ),
    ]
