"""``radvlm train --plan`` as a person reads it, and as a program does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from radvlm import recipe as recipes
from radvlm.train.foresight import PAPER_GPU_HOURS, Forecast, Planned, Workload, paper_share
from radvlm.train.recipe import TrainRecipe

MEMORY = {
    "states": ("weights", "gradients", "moments"),
    "gathered": ("working",),
    "activations": ("activations",),
}
"""Columns of the table, each the sum of parts of a ``Footprint``."""


def on_every_card(path: Path, overrides: Sequence[str]) -> list[TrainRecipe]:
    """The recipe on the hardware it names, or on each that lies beside it and suits its model.

    A recipe that names none, and has no overlays beside it, is taken as it is.
    """
    own = recipes.load(TrainRecipe, path, overrides)
    overlays = sorted((path.parent / "hardware").glob("*.yaml"))
    if own.hardware or not overlays:
        return [own]
    named = [[*overrides, f"hardware={overlay.stem}"] for overlay in overlays]
    return [recipes.load(TrainRecipe, path, given) for given in named]


def as_plain(planned: Sequence[Planned]) -> dict[str, Any]:
    """Workloads and forecasts as plain values; bytes, hours, days."""
    rows = []
    for load, found in planned:
        bytes_of = {**asdict(found.footprint), "total": found.footprint.total}
        row = {**asdict(found), "footprint": bytes_of, "fits": found.fits, "days": found.days}
        rows.append({**row, "workload": asdict(load)})
    return {
        "rows": rows,
        "paper": {"gpu_hours": PAPER_GPU_HOURS, "mfu": paper_share(_full(planned))},
    }


def as_table(planned: Sequence[Planned], name: str) -> RenderableType:
    """A row for each hardware, and below it what the run computes."""
    table = Table(title=f"Training {name}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("hardware", no_wrap=True)
    for heading in ("GPUs", *MEMORY, "GB a GPU", "MFU", "GPU-hours", "days"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for _, found in planned:
        table.add_row(*_cells(found), style="" if found.fits else "yellow")
    return Group(table, Text(_said(_full(planned))))


def _cells(found: Forecast) -> list[str]:
    parts = asdict(found.footprint)
    return [
        found.hardware,
        f"{found.processes} {found.card}",
        *(f"{sum(parts[part] for part in column) / 1e9:.1f}" for column in MEMORY.values()),
        f"{found.footprint.total / 1e9:.1f} of {found.memory_gb:g}",
        f"{found.mfu:.0%}",
        f"{found.gpu_hours:,.0f}",
        f"{found.days:,.1f}",
        "" if found.fits else "too large",
    ]


def _full(planned: Sequence[Planned]) -> Workload:
    """The workload that trains the most, which is the one to set beside the published run."""
    return max((load for load, _ in planned), key=lambda load: load.operations)


def _said(load: Workload) -> str:
    each = load.tokens / load.sequences
    return (
        f"{load.sequences:,} sequences in {load.steps:,} steps, {load.tokens / 1e9:.2f} billion "
        f"tokens ({each:,.0f} a sequence), {load.operations:.2e} operations "
        f"(± {1.96 * load.error:.1%} from the sample). Everything trained in "
        f"{PAPER_GPU_HOURS:,} hours of a GH200, as published, would be {paper_share(load):.1%} of "
        "its peak. Memory of activations is near, not exact; MFU is assumed."
    )
