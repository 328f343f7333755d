"""What a checkpoint, a data set or an image holds, as plain values."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from radvlm.build.manifest import SCHEMA_VERSION
from radvlm.errors import InputError, TableError
from radvlm.io.dataset import MANIFEST
from radvlm.io.files import read_json
from radvlm.io.image import image_size
from radvlm.models.card import FILE, read_card, revision_of
from radvlm.train.summary import FILE as RUN


def inspect(path: Path) -> dict[str, Any]:
    """Facts about a path, told apart by what lies there.

    Raises:
        InputError: nothing is there, it is none of these, or a data set of another version.
    """
    if (path / FILE).exists():
        return {"kind": "checkpoint", "revision": revision_of(path), **read_card(path).model_dump()}
    if (path / MANIFEST).exists() and (curated := _curated(read_json(path / MANIFEST))):
        return {"kind": "curated texts", **curated}
    if (path / MANIFEST).exists():
        return {"kind": "data set", **_summary(read_manifest(path))}
    if (path / RUN).is_file():
        return {"kind": "training run", **_of_run(read_json(path / RUN))}
    if path.is_file():
        width, height = image_size(path)
        return {"kind": "image", "width": width, "height": height}
    raise InputError(
        "neither a checkpoint, a data set, a training run nor an image", path, "Check the path"
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a built data set.

    Raises:
        TableError: there is none, or it is of another version or of something else.
    """
    if not (folder / MANIFEST).is_file():
        raise TableError("holds no data set", folder, "Run `radvlm build` first")
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    known = isinstance(manifest, dict) and {"examples", "plan", "files"} <= manifest.keys()
    if not known or manifest.get("schema_version") != SCHEMA_VERSION:
        raise TableError(
            f"is not the manifest of a data set of version {SCHEMA_VERSION}",
            folder / MANIFEST,
            "Build the data set anew",
        )
    return manifest


def _of_run(summary: dict[str, Any]) -> dict[str, Any]:
    kept = ("checkpoint", "recipe", "steps", "questions", "tokens", "damaged", "seconds", "access")
    return {**{key: summary[key] for key in kept}, **summary["loss"]}


def _curated(manifest: Any) -> dict[str, Any] | None:
    """What ``radvlm curate`` says it wrote; none where the manifest is of something else."""
    if not isinstance(manifest, dict) or manifest.get("kind") != "curated":
        return None
    return {key: value for key, value in manifest.items() if key not in ("kind", "files")}


def _summary(manifest: dict[str, Any]) -> dict[str, Any]:
    by_task: Counter[str] = Counter()
    for row in manifest["examples"]:
        by_task[f"{row['task']} ({row['split']})"] += row["examples"]
    kept = ("radvlm", "mixture", "recipe", "seed", "access", "studies", "patients")
    facts = {key: manifest[key] for key in kept}
    return {**facts, "examples": dict(by_task), "quarantined": manifest["quarantined"]}
