"""Folders that evaluations and builds left → the figures that tables are made of.

In: the ``out`` folders of evaluations or of protocols, and built data sets. Out: a ``Result`` for
each condition of each test set, and the manifests. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radvlm.errors import TableError
from radvlm.evaluate.run import SCORES
from radvlm.io.dataset import MANIFEST
from radvlm.io.files import read_json
from radvlm.io.jsonl import score_from_json
from radvlm.records import Score

PROTOCOL = "protocol.json"


@dataclass(frozen=True, slots=True)
class Result:
    """The scores of one model on one test set under one condition.

    ``model`` is its name as tables write it, ``data`` the hash of what was asked.
    """

    folder: Path
    condition: str
    model: str
    data: str
    mixture: str
    contaminated: Mapping[str, int]
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What the folders held: results, and the manifests of built data sets."""

    results: tuple[Result, ...]
    manifests: tuple[Mapping[str, Any], ...]


def read_results(folders: Sequence[Path], conditions: Sequence[str] = ("trained",)) -> Found:
    """The results of those conditions in the order given, and the manifests.

    Raises:
        TableError: a folder holds neither scores, nor a protocol, nor a data set, or no result of
            these conditions.
    """
    results: list[Result] = []
    manifests: list[Mapping[str, Any]] = []
    for folder in folders:
        if (folder / PROTOCOL).exists():
            sets = read_json(folder / PROTOCOL)["sets"].values()
            results += [one for name in sets for one in _results(folder / name, conditions)]
        elif (folder / SCORES).exists():
            results += _results(folder, conditions)
        elif (folder / MANIFEST).exists():
            manifests.append(read_json(folder / MANIFEST))
        else:
            remedy = "Name the out folder of an evaluation, of a protocol or of a build"
            raise TableError("holds no scores and no data set", folder, remedy)
    return Found(tuple(results), tuple(manifests))


def _results(folder: Path, conditions: Sequence[str]) -> list[Result]:
    head = read_json(folder / SCORES)
    held = head["conditions"]
    if not set(held) & set(conditions):
        known = ", ".join(sorted(held))
        raise TableError(
            f"holds no {' or '.join(conditions)} condition", folder, f"It holds: {known}"
        )
    return [
        Result(
            folder=folder,
            condition=name,
            model=_name(held[name]["model"], name),
            data=head["data"],
            mixture=head.get("mixture", "unknown"),
            contaminated=head.get("contaminated", {"n": 0, "of": head["examples"]}),
            scores=tuple(score_from_json(one) for one in held[name]["scores"]),
        )
        for name in conditions
        if name in held
    ]


def _name(made: Sequence[Mapping[str, str]], condition: str) -> str:
    """``radvlm-7b@1f0c``; the condition where it is not that of a trained model."""
    names = " + ".join(f"{one['name']}@{one['revision'][:7]}" for one in made)
    return names if condition == "trained" else f"{names}, {condition}"
