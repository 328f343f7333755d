"""``radvlm explain pretrain --plan``: what the sources hold, beside what a publication counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from rich.table import Table

from radvlm.errors import LeakageError, RadvlmError
from radvlm.explain.images import Row, read_rows
from radvlm.explain.recipe import PretrainRecipe
from radvlm.io.progress import Bar


def count(recipe: PretrainRecipe, progress: Bar | None = None) -> dict[str, Any]:
    """Images and patients of each source and of all; sources that are not there are waiting.

    Raises:
        LeakageError: a patient is in two splits.
    """
    rows: list[Row] = []
    sources, waiting = {}, {}
    for number, name in enumerate(recipe.sources):
        own = recipe.model_copy(update={"sources": {name: recipe.sources[name]}})
        try:
            found = read_rows(own)
        except RadvlmError as error:
            waiting[name] = error.what
            continue
        sources[name] = _counted(found)
        rows += found
        if progress:
            progress(number + 1, len(recipe.sources), note=name)
    check_disjoint(rows)
    schedule = recipe.schedule
    return {
        "sources": sources,
        "total": _counted(rows),
        "waiting": waiting,
        "published": recipe.published.model_dump() if recipe.published else None,
        "steps": max(1, schedule.images // schedule.batch),
        "epochs": round(schedule.images / max(1, _counted(rows)["train"]), 2),
    }


def check_disjoint(rows: Sequence[Row]) -> None:
    """Assert that no patient is in two splits.

    Raises:
        LeakageError: one is.
    """
    held: dict[tuple[str, str], str] = {}
    for row in rows:
        if held.setdefault(row.patient, row.split) != row.split:
            raise LeakageError("a patient is in two splits", f"family {row.patient[0]}")


def as_table(counted: dict[str, Any]) -> Table:
    """For people."""
    table = Table(title="Radiographs for pretraining")
    for heading in ("source", "images", "for training", "patients", "for training"):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    for name, row in {**counted["sources"], "total": counted["total"]}.items():
        table.add_row(name, *(f"{row[key]:,}" for key in _KEYS))
    for name, why in islice(counted["waiting"].items(), 10):
        table.add_row(f"{name}: waiting ({why})", "–", "–", "–", "–")
    if counted["published"]:
        published = counted["published"]
        table.add_row(
            "published, all", f"{published['images']:,}", "–", f"{published['patients']:,}", "–"
        )
    return table


_KEYS = ("images", "train", "patients", "train_patients")


def _counted(rows: Sequence[Row]) -> dict[str, int]:
    train = [row for row in rows if row.split == "train"]
    return {
        "images": len(rows),
        "train": len(train),
        "patients": len({row.patient for row in rows}),
        "train_patients": len({row.patient for row in train}),
    }
