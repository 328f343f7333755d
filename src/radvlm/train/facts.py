"""What a checkpoint was made from and how: ``training.json`` beside its weights.

No path of this machine stands in it. A checkpoint trained from one of ours names that one's data
too, because agreements are inherited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from radvlm import __version__
from radvlm import recipe as recipes
from radvlm.io.dataset import MANIFEST
from radvlm.io.files import read_json, sha256_of
from radvlm.io.provenance import commit, hardware
from radvlm.models.card import read_card
from radvlm.models.model_card import TRAINING
from radvlm.records import Example
from radvlm.runtime.processes import Processes
from radvlm.runtime.state import Counters
from radvlm.train.recipe import TrainRecipe, identity

_ELSEWHERE = {"out", "data", "model", "hardware", "ablation", "tracker"}
"""Keys of the recipe that name places, or say what others say already."""


def training_facts(
    recipe: TrainRecipe, examples: Sequence[Example], done: Counters, joined: Processes
) -> dict[str, Any]:
    """The facts of a run at its end, as plain values."""
    base, before = _base(recipe)
    settings = {k: v for k, v in recipes.dump(recipe).items() if k not in _ELSEWHERE}
    return {
        "schema_version": 1,
        "base": base,
        "data": [*before, _data(recipe, examples)],
        "recipe": identity(recipe),
        "settings": settings,
        "steps": done.step,
        "questions": done.samples,
        "tokens": done.tokens,
        "damaged": done.damaged,
        "seconds": round(done.seconds),
        "processes": joined.size,
        "device": hardware() if joined.device.type == "cpu" else joined.device_name,
        "radvlm": __version__,
        "commit": commit(),
    }


def _base(recipe: TrainRecipe) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Whose weights training began with, and the data those had seen by our hand."""
    folder = recipe.model.folder
    if folder is None:
        return None, []
    card = read_card(folder)
    named = {"name": card.name, "licence": card.licence, "access": card.access}
    known = folder / TRAINING
    return named, read_json(known)["data"] if known.exists() else []


def _data(recipe: TrainRecipe, examples: Sequence[Example]) -> dict[str, Any]:
    manifest = recipe.data.folder / MANIFEST
    found = read_json(manifest)
    sources = ("name", "access", "licence", "citation")
    return {
        "mixture": found["mixture"],
        "recipe": found["recipe"],
        "manifest_sha256": sha256_of(manifest),
        "access": found["access"],
        "sources": [{key: one[key] for key in sources} for one in found["sources"]],
        "examples": dict(sorted(Counter(example.task for example in examples).items())),
    }
