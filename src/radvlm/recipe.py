"""Recipes: YAML checked against typed models, with ``key.sub=value`` overrides.

A stage declares its recipe as a subclass of ``Recipe``; an unknown key is an error that names the
nearest known one. The resolved recipe and its hash are saved with every output.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from radvlm.errors import RecipeError


class Section(BaseModel):
    """A part of a recipe: immutable, and no key beyond those declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Recipe(Section):
    """The root of a recipe; ``out`` is the folder the stage writes."""

    out: Path


R = TypeVar("R", bound=Section)
OVERLAYS = ("ablation", "hardware")


def load(kind: type[R], path: Path, overrides: Sequence[str] = ()) -> R:
    """Read a recipe file, apply overrides such as ``train.lr=1e-4`` and check everything.

    Where a kind of recipe has the key ``ablation`` or ``hardware``, its value names a file such as
    ``hardware/NAME.yaml`` beside the recipe; what stands there goes before the recipe, and
    overrides before all.

    Raises:
        RecipeError: the file is missing or not YAML, or a key or value is wrong.
    """
    tree = _tree(path)
    for override in overrides:
        _apply(tree, override)
    for key in OVERLAYS:
        if key in kind.model_fields and isinstance(name := tree.get(key), str):
            _overlay(tree, _tree(path.parent / key / f"{Path(name).name}.yaml"))
            for override in overrides:
                _apply(tree, override)
    return check(kind, tree, path)


def check(kind: type[R], tree: dict[str, Any], where: object = "recipe") -> R:
    """The typed recipe of a tree of plain values; ``RecipeError`` where it does not fit."""
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        # A misspelled key often makes another one missing; the spelling is what to mend.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        key = ".".join(str(step) for step in first["loc"])
        if first["type"] == "extra_forbidden":
            near = get_close_matches(key, list(_keys(kind)), n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]!r}?" if near else "Remove it"
            raise RecipeError(f"unknown key {key!r}", where, hint) from None
        said = first["msg"].removeprefix("Value error, ").lower()
        what = f"{key}: {said}" if key else said
        raise RecipeError(what, where, "Correct the value") from None


def dump(recipe: Recipe) -> dict[str, Any]:
    """The resolved recipe as plain values."""
    return recipe.model_dump(mode="json")


def digest(recipe: Recipe) -> str:
    """SHA-256 of the resolved recipe without ``out``: equal for runs that ask for the same."""
    tree = {key: value for key, value in dump(recipe).items() if key != "out"}
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def _tree(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError("recipe cannot be read", path, "Check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError("recipe is not valid YAML", path, "Check its indentation") from error
    if not isinstance(tree, dict):
        raise RecipeError("recipe is not a mapping of keys to values", path, "See recipes/")
    return tree


def _overlay(tree: dict[str, Any], above: dict[str, Any]) -> None:
    """Put values over those of a tree, section by section."""
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _overlay(tree[key], value)
        else:
            tree[key] = value


def _apply(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"override {override!r} is not key=value", "command line")
    *path, last = key.split(".")
    for step in path:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise RecipeError(f"{step!r} in {key!r} is a value, not a section", "command line")
    tree[last] = yaml.safe_load(value)


def _keys(kind: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in kind.model_fields.items():
        yield prefix + name
        # A section may be optional: ``Lora | None``.
        for inner in (info.annotation, *get_args(info.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _keys(inner, f"{prefix}{name}.")
