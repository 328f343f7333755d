"""``radvlm inspect``: what a checkpoint, a data set or an image holds, as plain values."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from radvlm.errors import InputError
from radvlm.io.files import read_json
from radvlm.io.image import image_size
from radvlm.models.card import FILE, read_card, revision_of


def inspect(path: Path) -> dict[str, Any]:
    """Facts about a path, told apart by what lies there.

    Raises:
        InputError: nothing is there, or it is none of the three.
    """
    if (path / FILE).exists():
        return {"kind": "checkpoint", "revision": revision_of(path), **read_card(path).model_dump()}
    if (path / "manifest.json").exists():
        return {"kind": "data set", **_summary(read_json(path / "manifest.json"))}
    if path.is_file():
        width, height = image_size(path)
        return {"kind": "image", "width": width, "height": height}
    raise InputError("neither a checkpoint, a data set nor an image", path, "Check the path")


def _summary(manifest: dict[str, Any]) -> dict[str, Any]:
    by_task: Counter[str] = Counter()
    for row in manifest["examples"]:
        by_task[f"{row['task']} ({row['split']})"] += row["examples"]
    kept = ("radvlm", "recipe", "seed", "access", "studies", "patients")
    facts = {key: manifest[key] for key in kept}
    return {**facts, "examples": dict(by_task), "quarantined": manifest["quarantined"]}
