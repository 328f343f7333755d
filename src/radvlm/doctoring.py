"""``radvlm doctor``: which data sets and weights are here, what is missing, where it is had.

In: roots by source name, or a folder to look through. Out: one finding a source, and the weights
that learned metrics lack. Looks at names of files alone; nothing is read.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ConfigDict
from rich import box
from rich.table import Table
from rich.text import Text

from radvlm import recipe as recipes
from radvlm import registry
from radvlm.baselines.native import BaselineCard
from radvlm.metrics.weights import Missing
from radvlm.protocols import SourceFile

OURS = frozenset({"folder", "phantom", "curated", "studies_table", "llava_json"})
"""Sources without a release of their own that could be told by its files."""

_DEPTH, _MOST_FOLDERS = 4, 20_000
"""How deep and how far is looked: releases lie near the top, their images are not walked."""


class _Roots(recipes.Section):
    roots: dict[str, Path]


class _HasRoots(recipes.Section):
    model_config = ConfigDict(extra="ignore", frozen=True)

    data: _Roots


@dataclass(frozen=True, slots=True)
class Checkup:
    """What is there of one source. ``root`` is none where nobody said where it lies."""

    source: str
    root: Path | None
    found: tuple[str, ...]
    missing: tuple[SourceFile, ...]
    optional: tuple[SourceFile, ...]
    access: str
    licence: str

    @property
    def complete(self) -> bool:
        """Whether everything required is there."""
        return self.root is not None and not self.missing


def check(roots: Mapping[str, Path]) -> list[Checkup]:
    """Every released source, with its root or without."""
    names = [name for name in registry.names("sources") if name not in OURS]
    return [_checked(name, roots.get(name)) for name in names]


def propose(folder: Path) -> dict[str, Path]:
    """For each released source, the folder at or below ``folder`` that holds most of it.

    Only folders with at least one required file that is not there by chance (a bare ``images``)
    count; of equals the one nearest to the top.
    """
    best: dict[str, tuple[float, Path]] = {}
    for place in islice(_folders(folder), _MOST_FOLDERS):
        for name in registry.names("sources"):
            if name in OURS:
                continue
            found = _checked(name, place)
            telling = [path for path in found.found if "." in Path(path).name]
            share = len(found.found) / (len(found.found) + len(found.missing) or 1)
            if telling and share > best.get(name, (0.0, place))[0]:
                best[name] = (share, place)
    return {name: place for name, (_, place) in sorted(best.items())}


def _checked(name: str, root: Path | None) -> Checkup:
    made: Any = registry.resolve("sources", name)
    place = root or Path()
    files = made(place, **dict.fromkeys(made.needs, place)).files()
    there = [file.path for file in files if root and _exists(root, file.path)]
    lacking = [file for file in files if file.path not in there]
    return Checkup(
        source=name,
        root=root,
        found=tuple(file.path for file in files if file.required and file.path in there),
        missing=tuple(file for file in lacking if file.required),
        optional=tuple(file for file in lacking if not file.required),
        access=made.access,
        licence=made.licence,
    )


def _exists(root: Path, path: str) -> bool:
    """Whether the file, its ``.gz`` or something that fits the pattern is there."""
    if "*" in path:
        return any(True for _ in root.glob(path))
    return (root / path).exists() or (root / f"{path}.gz").exists()


def _folders(top: Path) -> Iterator[Path]:
    """The folders from the top down, level by level; hidden ones and links are not entered."""
    level = [top]
    for _ in range(_DEPTH + 1):
        deeper: list[Path] = []
        for folder in level:
            yield folder
            try:
                with os.scandir(folder) as entries:
                    inside = sorted(
                        e.name
                        for e in entries
                        if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")
                    )
            except OSError:
                continue
            deeper += [folder / name for name in inside[:200]]
        level = deeper


def roots_of(recipe: Path) -> dict[str, Path]:
    """``data.roots`` of a recipe; nothing else of it is looked at.

    Raises:
        RecipeError: the file cannot be read or holds no roots.
    """
    return recipes.load(_HasRoots, recipe).data.roots


def as_plain(
    found: list[Checkup], weights: list[Missing], baselines: list[BaselineCard]
) -> dict[str, list[dict[str, Any]]]:
    """Plain values: ``sources``, ``missing_weights`` of metrics, baselines that are not set up."""
    return {
        "sources": [_as_plain(one) for one in found],
        "missing_weights": [dataclasses.asdict(one) for one in weights],
        "missing_baselines": [dataclasses.asdict(one) for one in baselines],
    }


def _as_plain(one: Checkup) -> dict[str, Any]:
    return {
        "source": one.source,
        "root": None if one.root is None else str(one.root),
        "complete": one.complete,
        "missing": [dataclasses.asdict(file) for file in one.missing],
        "optional": [dataclasses.asdict(file) for file in one.optional],
        "access": one.access,
        "licence": one.licence,
    }


def as_table(found: list[Checkup]) -> Table:
    """One row a source: state, what is missing, where it is had and under what agreement."""
    table = Table(title="Data sets", title_justify="left", box=box.SIMPLE_HEAD, show_lines=True)
    table.add_column("source", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("missing, and where it is had", overflow="fold", ratio=1)
    table.add_column("agreement", overflow="fold", max_width=30)
    for one in found:
        state, style = _state(one)
        lines = _by_note(one.missing, "")
        lines += _by_note(one.optional, "(optional) ") if one.root else []
        agreement = f"{one.access}: {one.licence}"
        table.add_row(one.source, Text(state, style), Text("\n".join(lines)), Text(agreement))
    return table


def weights_table(lacking: list[Missing]) -> Table:
    """One row a set of weights that is not here: the metrics that are not run without it."""
    table = Table(title="Weights", title_justify="left", box=box.SIMPLE_HEAD, show_lines=True)
    table.add_column("not here", overflow="fold", max_width=24)
    table.add_column("metrics not run without it", overflow="fold", max_width=34)
    table.add_column("how it is had", overflow="fold", ratio=1)
    metrics: dict[tuple[str, str], list[str]] = {}
    for one in lacking:
        metrics.setdefault((one.what, one.how), []).append(one.metric)
    for (what, how), names in sorted(metrics.items()):
        table.add_row(Text(what), Text(", ".join(names)), Text(how))
    return table


def baselines_table(lacking: list[BaselineCard]) -> Table:
    """One row a baseline without an environment: what makes it, and where its weights are had."""
    table = Table(title="Baselines", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("not set up", no_wrap=True)
    table.add_column("weights", overflow="fold", ratio=1)
    table.add_column("licence", overflow="fold", max_width=30)
    for card in lacking:
        table.add_row(card.name, Text(card.apply), Text(card.licence))
    return table


def _by_note(files: tuple[SourceFile, ...], before: str) -> list[str]:
    """One line a note, with all files that are had there."""
    notes: dict[str, list[str]] = {}
    for file in files:
        notes.setdefault(file.note, []).append(file.path)
    return [
        before + ", ".join(paths) + (f": {note}" if note else "") for note, paths in notes.items()
    ]


def _state(one: Checkup) -> tuple[str, str]:
    if one.root is None:
        return "no root", "dim"
    if one.complete:
        return "complete", "green"
    return ("incomplete", "yellow") if one.found else ("not here", "red")
