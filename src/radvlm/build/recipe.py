"""What a data set is made of: sources with their roots, tasks with their repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from radvlm.recipe import Recipe, Section


class Roots(Section):
    """``data.roots.NAME``: where each source lies on this machine."""

    roots: dict[str, Path]


class SourceChoice(Section):
    """A source of the registry; ``options`` are its constructor's arguments after the root."""

    source: str
    options: dict[str, Any] = Field(default_factory=dict)


class TaskChoice(Section):
    """How often a study is asked this task (the paper's ×1 … ×4), and the task's own options."""

    repeat: int = Field(1, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)


class BuildRecipe(Recipe):
    """``radvlm build``: sources and tasks → an instruction data set.

    ``tolerance`` is the share of records that may be unreadable before the build counts as
    incomplete (exit status 1).
    """

    data: Roots
    sources: dict[str, SourceChoice]
    tasks: dict[str, TaskChoice]
    seed: int = 0
    limit: int | None = Field(None, gt=0, description="studies read from each source")
    tolerance: float = Field(0.001, ge=0, le=1)
