"""What the literature reports, from ``published.yaml``: tables, their columns, published rows.

The numbers are reference data ("published, not re-run"). ``Column.published`` says what they were
measured on, so that ``layout`` can tell which of them stand beside a result of ours.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Basis(_Frozen):
    """What a published figure was measured on: test set, answers, references, metric."""

    mixture: str
    n: int | None = None
    refs: str | None = None
    key: str | None = None

    def differs(self, mixture: str, n: int, key: str) -> str:
        """Why a figure of that test set, number and full name is not comparable; empty if it is."""
        stem, _, refs = key.partition(",refs=")
        if self.key and not fnmatchcase(stem, self.key):
            return "another metric or judge"
        if mixture != self.mixture:
            return f"another test set ({self.mixture})"
        if self.n is not None and n != self.n:
            return f"{self.n:,} answers, ours of {n:,}"
        if self.refs and refs != self.refs:
            return f"references by another writer ({refs or 'unknown'})"
        return ""


class Column(_Frozen):
    """One figure of a table; ``key`` and ``mixture`` are patterns, ``scale`` times it is shown."""

    name: str
    head: str
    key: str
    published: Basis
    mixture: str = "*"
    scale: float = 1.0
    decimals: int | None = None
    lower_is_better: bool = False

    def takes(self, key: str, mixture: str) -> bool:
        """Whether a figure belongs here."""
        wanted = fnmatchcase(mixture, self.mixture.removeprefix("!"))
        return fnmatchcase(key, self.key) and wanted != self.mixture.startswith("!")

    def shown(self, value: float) -> str:
        """The number as the table writes it."""
        decimals = self.decimals or (1 if self.scale == 100 else 2)
        return f"{value:.{decimals}f}".replace("-", "−")


class PublishedRow(_Frozen):
    """The figures of one model in one publication, already in the table's scale."""

    model: str
    by: str
    values: dict[str, float]

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, tree: dict[str, Any]) -> dict[str, Any]:
        """In the file a row names its figures beside ``model`` and ``by``."""
        values = {name: value for name, value in tree.items() if name not in ("model", "by")}
        return {"model": tree["model"], "by": tree["by"], "values": values}


class Table(_Frozen):
    """A table of the paper."""

    number: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[PublishedRow, ...]

    @model_validator(mode="after")
    def _known(self) -> Table:
        known = {column.name for column in self.columns}
        for row in self.rows:
            if unknown := row.values.keys() - known:
                raise ValueError(f"{row.model} has a figure {min(unknown)} without a column")
        return self


class Capability(_Frozen):
    """A row of Table 2: parameters, pairs of image and instruction, what the model can do."""

    model: str
    size: str
    pairs: int
    tasks: tuple[str, ...]
    note: str = ""


class Literature(_Frozen):
    """All of the file."""

    publications: dict[str, str]
    tables: tuple[Table, ...]
    capabilities: tuple[Capability, ...]


@cache
def literature() -> Literature:
    """What stands in ``published.yaml``, checked."""
    text = (files("radvlm.tabling") / "published.yaml").read_text(encoding="utf-8")
    return Literature.model_validate(yaml.safe_load(text))
