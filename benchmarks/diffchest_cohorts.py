"""The simulated cohorts of the proofs: a pool to learn from, and test patients with their twins.

Every factor is drawn by a coin of its own, so that only what a proof plants is correlated: the
pacemaker follows the effusion with probability ``r`` and is there without it with ``1 - r``.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radvlm.io.files import atomic_folder, atomic_path
from radvlm.io.tables import read_studies, write_studies
from radvlm.protocols import Pixels
from radvlm.records import Study
from radvlm.runtime.shards import map_shards
from radvlm.sources.phantom.cohort import TABLE, make_cohort
from radvlm.sources.phantom.labels import DRAWN
from radvlm.sources.phantom.plan import Correlation, PhantomConfig, Plan, plan
from radvlm.sources.phantom.study import draw
from radvlm.vocabulary import DEVICES

FINDING, DEVICE, MARKER, OTHER = "Pleural Effusion", "pacemaker", "boxed", "chest drain"
SIDE = 64
POSE = 0.3
"""Chests that lie much the same way: what a small network can learn in minutes on a CPU."""
POOL, TEST, JUDGE = 6000, 200, 1500
POOL_SEED, TEST_SEED, JUDGE_SEED = 100, 600, 300
SPLITS = {"pool": (0.9, 0.0, 0.1), "judge": (1.0, 0.0, 0.0), "test": (0.0, 0.0, 1.0)}


def config(patients: int, seed: int, r: float = 0.5, part: str = "pool") -> PhantomConfig:
    """One frontal study a patient; effusion in half of them, pacemaker with it at ``r``."""
    coins = {FINDING: 0.5, "Cardiomegaly": 0.25, MARKER: 0.5, OTHER: 0.2}
    rules = [
        Correlation(**{"if": "AP", "then": name, "probability": p, "otherwise": p})
        for name, p in coins.items()
    ]
    rules.append(
        Correlation(**{"if": FINDING, "then": DEVICE, "probability": r, "otherwise": 1 - r})
    )
    never = (*DRAWN, *DEVICES, "round", "boxed")
    return PhantomConfig(
        patients=patients,
        seed=seed,
        size=SIDE,
        pose=POSE,
        studies_per_patient=(1.0,),
        lateral=0.0,
        prevalence=dict.fromkeys(never, 0.0),
        correlations=tuple(rules),
        splits=SPLITS[part],
    )


Twins = NDArray[np.uint8]
"""[patients, 4, side, side]: neither, finding alone, device alone, both; else the same image."""


def make_pool(folder: Path, part: str, patients: int, seed: int, workers: int) -> None:
    """The cohort in a folder, unless it is there."""
    if not (folder / TABLE).exists():
        make_cohort(config(patients, seed, part=part), folder, workers)


def make_confounded(pool: Path, folder: Path, r: float) -> None:
    """Of a pool, the patients that leave finding and device together at ``r``; links, no copies."""
    if (folder / TABLE).exists():
        return
    studies = list(read_studies(pool / TABLE))
    together: list[Study] = []
    apart: list[Study] = []
    for study in studies:
        shown = {f.name for f in study.findings if f.status == "present"}
        (together if (FINDING in shown) == (DEVICE in shown) else apart).append(study)
    chosen = {s.id for s in (*together, *apart[: round(len(together) * (1 - r) / r)])}
    kept = [study for study in studies if study.id in chosen]
    with atomic_folder(folder) as aside:
        (aside / "images").mkdir()
        for study in kept:
            os.link(pool / study.views[0].path, aside / study.views[0].path)
        write_studies(aside / TABLE, kept)


def markers(patients: int, seed: int, part: str) -> dict[str, float]:
    """View → whether its marker is boxed, which studies do not say."""
    plans = plan(config(patients, seed, part=part))
    return {f"{one.id}v1": float(one.marker == MARKER) for one in plans}


def make_twins(path: Path, patients: int, seed: int, workers: int) -> Twins:
    """Four twins of every test patient, drawn once and kept in a file."""
    if not path.exists():
        plans = list(plan(config(patients, seed, part="test")))
        made = [row for _, row in map_shards(_four, plans, workers=workers)]
        with atomic_path(path) as aside, aside.open("wb") as file:
            np.save(file, np.stack(made), allow_pickle=False)
    return np.asarray(np.load(path, allow_pickle=False))


def _four(one: Plan) -> Twins:
    settings = config(1, TEST_SEED, part="test")
    rows = []
    for shown in (set(), {FINDING}, {DEVICE}, {FINDING, DEVICE}):
        twin = dataclasses.replace(
            one,
            findings=(one.findings - {FINDING}) | (shown & {FINDING}),
            devices=(one.devices - {DEVICE}) | (shown & {DEVICE}),
            since=dict.fromkeys((*one.since, FINDING, DEVICE), 0),
        )
        rows.append(squared(next(iter(draw(settings, twin)[1].values()))))
    return np.stack(rows)


def squared(pixels: Pixels) -> Pixels:
    """The image as the autoencoder takes it."""
    from radvlm.explain.pixels import to_square

    return to_square(pixels, SIDE)
