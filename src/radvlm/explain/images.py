"""Radiographs and what is known of them: sources → rows, rows → columns of 1, 0 and not known.

A row is one frontal view. What an image does not list is not known, unless the recipe closes the
name for its source.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radvlm import registry
from radvlm.errors import RecipeError, TableError
from radvlm.explain.recipe import ImagesRecipe
from radvlm.protocols import Source
from radvlm.records import FRONTAL, Access, Split, Study, View
from radvlm.sources.folder import split_of

Column = NDArray[np.float64]
"""1 present, 0 absent, NaN not known; one value a row."""

_COMPARED = re.compile(r"(\w+)([=><])(.+)")


@dataclass(frozen=True, slots=True)
class Row:
    """One radiograph: where it lies, whose it is, what is said of it."""

    view: str
    path: Path
    patient: tuple[str, str]
    split: Split
    access: Access
    source: str
    projection: str
    sex: str | None
    age: float | None
    said: Mapping[str, float] = field(default_factory=dict)


def read_rows(recipe: ImagesRecipe) -> list[Row]:
    """Every image of the recipe's sources, in their order, frontal views unless told otherwise.

    Raises:
        RecipeError: a source has no root, or there is not one image.
    """
    rows = [
        row
        for name in recipe.sources
        for study in islice(_source(recipe, name).studies(), recipe.limit)
        for row in _rows(recipe, name, study)
    ]
    if not rows:
        raise RecipeError("the sources hold no image", "sources", "Check roots, only and lateral")
    return rows


def of_split(rows: Sequence[Row], *splits: Split) -> list[Row]:
    """The rows of the patients in these splits."""
    return [row for row in rows if row.split in splits]


def columns(
    rows: Sequence[Row], names: Sequence[str], table: Path | None = None
) -> dict[str, Column]:
    """The values of every attribute, by name.

    Raises:
        RecipeError: nothing is known of an attribute for any row.
    """
    listed = _listed(table) if table else {}
    found = {
        name: np.array([_value(row, name, listed.get(row.view, {})) for row in rows])
        for name in names
    }
    for name, column in found.items():
        if np.isnan(column).all():
            raise RecipeError(
                f"nothing is known of {name!r} for any image",
                "attributes",
                "Name what the sources or the table hold, or close the name for a source",
            )
    return found


def digest(rows: Sequence[Row]) -> str:
    """A hash of which images these are and which patients they belong to."""
    seen = hashlib.sha256()
    for row in rows:
        seen.update(f"{row.patient}|{row.view}|{row.split}\n".encode())
    return seen.hexdigest()[:12]


def _source(recipe: ImagesRecipe, name: str) -> Source:
    choice, roots = recipe.sources[name], recipe.data.roots
    kind = registry.resolve("sources", choice.source)
    missing = [root for root in (name, *kind.needs) if root not in roots]
    if missing:
        raise RecipeError(f"no root for {missing[0]!r}", "data.roots", "Give its folder")
    others: dict[str, Any] = {n: roots[n] for n in (*kind.needs, *kind.uses) if n in roots}
    made: Source = kind(roots[name], **others, **choice.options)
    return made


def _rows(recipe: ImagesRecipe, name: str, study: Study) -> Iterator[Row]:
    choice = recipe.sources[name]
    if choice.only and not set(choice.only) & set(study.sources):
        return
    for view in study.views:
        if not recipe.lateral and view.projection not in FRONTAL | {"UNKNOWN"}:
            continue
        leak = study.patient if study.patient is not None else f"view:{view.id}"
        yield Row(
            view=view.id,
            path=Path(view.path),
            patient=(study.family, leak),
            split=study.split or split_of(study.family, leak),
            access=study.access,
            source=study.sources[0],
            projection=view.projection,
            sex=study.sex,
            age=study.age,
            said={**dict.fromkeys(choice.closed, 0.0), **_said(study, view)},
        )


def _said(study: Study, view: View) -> dict[str, float]:
    """What is stated of this view or of the whole study; uncertain is not known."""
    values = {"present": 1.0, "absent": 0.0, "uncertain": np.nan}
    return {f.name: values[f.status] for f in study.findings if f.view in (None, view.id)}


def _value(row: Row, name: str, listed: Mapping[str, float]) -> float:
    if name in listed:
        return listed[name]
    compared = _COMPARED.fullmatch(name)
    if compared is None:
        return row.said.get(name, np.nan)
    key, sign, value = compared.groups()
    if key == "age":
        if row.age is None:
            return np.nan
        return float(row.age > float(value) if sign == ">" else row.age < float(value))
    held = {"sex": row.sex, "projection": row.projection, "source": row.source}.get(key)
    unknown = held is None or (key == "projection" and held in ("UNKNOWN", "FRONTAL"))
    return np.nan if unknown else float(held == value)


def _listed(path: Path) -> dict[str, dict[str, float]]:
    """The values of a CSV by view, empty cells left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
        return {
            line["view"]: {k: float(v) for k, v in line.items() if k != "view" and v}
            for line in lines
        }
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError) as error:
        remedy = "It has a column 'view' and columns of 0, 1 or nothing"
        raise TableError("is no table of attributes", path, remedy) from error
