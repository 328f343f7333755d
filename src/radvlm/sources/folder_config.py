"""``folder.yaml``: what the columns of a user's manifest mean, and under which agreement it lies.

Every key has a default for the simplest case, a ``manifest.csv`` with the columns ``file``,
``patient`` and ``labels``. An access class that is not stated counts as private.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from radvlm.errors import TableError
from radvlm.recipe import Section, check
from radvlm.records import Access, Projection

PROJECTIONS: dict[str, Projection] = {
    "": "UNKNOWN",
    "pa": "PA",
    "ap": "AP",
    "ap supine": "AP",
    "ap erect": "AP",
    "frontal": "FRONTAL",
    "lateral": "LATERAL",
    "ll": "LATERAL",
}
"""Spellings of the projection in manifests, in lower case."""


class Columns(Section):
    """Which column holds what; a column named none is not there.

    ``texts`` maps report sections to columns. ``keep`` lists columns that nothing reads but that
    shall stay with the study, as texts called ``column.NAME``.
    """

    file: str = "file"
    patient: str | None = "patient"
    study: str | None = None
    view: str | None = None
    split: str | None = None
    sex: str | None = None
    age: str | None = None
    width: str | None = None
    height: str | None = None
    labels: str | None = "labels"
    scheme: str | None = None
    boxes: str | None = None
    texts: dict[str, str] = Field(default_factory=dict)
    keep: tuple[str, ...] = ()


class LeaveOut(Section):
    """Rows that are not used: the column holds one of ``values``, or anything where none given."""

    column: str
    values: tuple[str, ...] = ()
    reason: str


class Group(Section):
    """Rows of one origin: whose patients they are, and the name figures are reported under."""

    family: str
    source: str


class Groups(Section):
    """The column that tells origins apart and the group of each of its values."""

    column: str
    names: dict[str, Group]


class LabelRules(Section):
    """How labels are read.

    ``table`` is a CSV with the columns scheme, label, name, status, comment; a label without a row
    puts its record into quarantine. ``closed`` lists for a scheme the names that are absent where
    an image is labelled and the name is not among its labels; an empty cell is never negative.
    """

    table: str | None = None
    separator: str = ";"
    closed: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class FolderConfig(Section):
    """The whole file."""

    family: str = "folder"
    access: Access = "private"
    licence: str = "not stated"
    citation: str = "not stated"
    manifest: str = "manifest.csv"
    columns: Columns = Columns()
    labels: LabelRules = LabelRules()
    box_unit: Literal["fraction", "pixel"] = "fraction"
    leave_out: tuple[LeaveOut, ...] = ()
    groups: Groups | None = None


def read_config(path: Path) -> FolderConfig:
    """The checked contents of a ``folder.yaml``.

    Raises:
        TableError: it cannot be read or is not YAML.
        RecipeError: a key or value is wrong; the message names the nearest known key.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise TableError("cannot be read as YAML", path, "Check path and indentation") from error
    return check(FolderConfig, tree, path)
