"""The plan of a mixture as a person reads it, and as a program does."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich import box
from rich.table import Table

from radvlm.build.plan import Plan, PlanRow


def as_plain(plan: Plan) -> dict[str, Any]:
    """Rows and totals as plain values."""
    rows = [{**dataclasses.asdict(row), "difference": row.difference} for row in plan.rows]
    return {"rows": rows, "totals": plan.totals, "waiting": plan.waiting}


def as_table(plan: Plan, name: str) -> Table:
    """What is there, what is kept, a paper's number, the difference and its cause, row by row."""
    table = Table(title=f"Mixture {name}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("row", no_wrap=True)
    for heading in ("there", "kept", "×", "examples", "paper", "±"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in plan.rows:
        table.add_row(*_cells(row), style="yellow" if row.waiting else "")
    table.add_section()
    for split, sums in plan.totals.items():
        published = f"{sums['published_unique']:,}" if sums["published_unique"] else ""
        cells = (f"{sums['unique']:,}", "", f"{sums['examples']:,}", published)
        table.add_row(f"all of {split}", "", *cells, "", "", style="bold")
    return table


def _cells(row: PlanRow) -> list[str]:
    difference = row.difference
    why = ", ".join(f"{abs(n):,} {reason}" for reason, n in row.why.items())
    if row.waiting:
        why = f"waiting for `radvlm curate {row.waiting}`"
    return [
        row.name,
        f"{row.available:,}",
        f"{row.kept:,}",
        str(row.repeat),
        f"{row.examples:,}",
        "" if row.published is None else f"{row.published:,}",
        "" if not difference else f"{difference:+,}",
        why,
    ]
