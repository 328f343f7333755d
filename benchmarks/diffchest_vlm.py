"""The audit through the vision-language model: the tiny model taught twice to answer and report.

Once where the device goes with the finding in half of the images, once where it always does. Then
the verb's own audits, with the other model as their control: of devices, and of the marker, which
a table tells of because studies do not.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.diffchest_cohorts import (
    DEVICE,
    FINDING,
    MARKER,
    OTHER,
    POOL,
    POOL_SEED,
    markers,
)
from benchmarks.diffchest_setup import FOLDER, Pool, twins
from radvlm import recipe as recipes
from radvlm.build.recipe import BuildRecipe
from radvlm.build.run import build
from radvlm.explain.audit import audit
from radvlm.explain.auditing import reliance
from radvlm.explain.intervals import share
from radvlm.explain.predictors import yes_no_scorer
from radvlm.explain.recipe import AuditRecipe
from radvlm.explain.telling import told_of
from radvlm.io.files import atomic_folder, atomic_path, read_json
from radvlm.io.progress import Bar
from radvlm.io.tables import read_studies, write_studies
from radvlm.models.card import TOY_SCOPE
from radvlm.models.opening import open_model
from radvlm.models.tiny import TinyConfig
from radvlm.protocols import Model
from radvlm.records import Dialogue, Study, Turn
from radvlm.sources.phantom.cohort import TABLE
from radvlm.tasks.lexicon import spoken, with_article
from radvlm.train.recipe import DataChoice, ModelChoice, Schedule, TrainRecipe
from radvlm.train.run import train

STUDIES = 2400
TOLD = (FINDING, DEVICE)
"""What reports are read for."""
SIZES = TinyConfig(
    image_size=64,
    patch_size=8,
    vision_width=96,
    vision_layers=3,
    text_width=96,
    text_layers=2,
    text_mlp=192,
    vocabulary=500,
)


def make_model(pool: Pool, r: float, progress: Bar | None = None) -> Path:
    """A tiny model taught question and report on images with the device planted at ``r``."""
    out = FOLDER / "vlm" / f"r{r:g}"
    if not (out / "model" / "checkpoint").exists():
        if not (out / "cohort" / TABLE).exists():
            _write_cohort(pool, r, out / "cohort")
        made = recipes.check(
            BuildRecipe,
            {
                "out": str(out / "data"),
                "data": {"roots": {"phantom": str(out / "cohort")}},
                "sources": {"phantom": {"source": "phantom"}},
                "tasks": {"conversation": {"options": {"written": False}}, "report": {}},
                "shards": 1,
                "workers": 1,
            },
        )
        build(made)
        train(_training(out), progress)
    return out / "model" / "checkpoint"


def _training(out: Path) -> TrainRecipe:
    return TrainRecipe(
        out=out / "model",
        data=DataChoice(folder=out / "data"),
        model=ModelChoice(tiny=SIZES, name=out.name, scope=TOY_SCOPE),
        schedule=Schedule(
            epochs=6, batch=16, lr=1e-3, vision_lr=1e-3, warmup=0.05, weight_decay=0.01
        ),
        save_every=400,
        spike=1e6,
        image_cache=20_000,
        threads=1,
    )


def _write_cohort(pool: Pool, r: float, folder: Path) -> None:
    """Some studies of the pool, each with the question and its answer as a dialogue."""
    source = FOLDER / "pool"
    studies = list(read_studies(source / TABLE))
    # The pool's rows and its table are both in the order of patients.
    chosen = [studies[k] for k in np.sort(pool.planted(r, STUDIES, seed=5))]
    with atomic_folder(folder) as aside:
        (aside / "images").mkdir()
        for study in chosen:
            os.link(source / study.views[0].path, aside / study.views[0].path)
        write_studies(aside / TABLE, [_asked(study) for study in chosen])


def _asked(study: Study) -> Study:
    there = any(f.name == FINDING and f.status == "present" for f in study.findings)
    said = (
        f"Yes, there is {with_article(FINDING)}."
        if there
        else f"No, there is no {spoken(FINDING)}."
    )
    turns = (
        Turn("user", (f"Is there {with_article(FINDING)}?",)),
        Turn("assistant", (said,)),
    )
    dialogue = Dialogue(turns, "phantom", study.views[0].id)
    return dataclasses.replace(study, dialogues=(dialogue,), split="train")


def through_the_model(pool: Pool, autoencoder: Path, progress: Bar | None = None) -> dict[str, Any]:
    """The clean model audited by the verb's code with the other as its control; their true twins.

    The audits are kept, because they ask the models some thousands of times.
    """
    models = {r: make_model(pool, r, progress) for r in (0.5, 1.0)}
    devices, marker = (
        _audited(FOLDER / "vlm" / f"audit_{name}", models, autoencoder, confounders, progress)
        for name, confounders in (("devices", (DEVICE, OTHER)), ("marker", (MARKER,)))
    )
    found: dict[str, Any] = {}
    for r, role in ((0.5, "audited"), (1.0, "shortcut")):
        own = devices["models"][role]
        found[f"{r:g}"] = {
            **_between_twins(open_model(models[r])),
            "confounders": own["confounders"] | marker["models"][role]["confounders"],
            "surrogate": own["surrogate"],
            "drift": own["drift"],
        }
    return found


def _between_twins(model: Model) -> dict[str, Any]:
    """What finding and device do to a model's answer and report, between true twins."""
    scorer = yes_no_scorer(model, FINDING)
    base, finding, device, _ = (scorer(twins()[:, k]) for k in range(4))
    moved = {"device": float((device - base).mean()), "finding": float((finding - base).mean())}
    without, with_device = (told_of(model, twins()[:, k], TOLD) for k in (0, 2))
    return {
        "true_reliance": reliance(moved["device"], moved["finding"]),
        "true_device": moved["device"],
        "true_finding": moved["finding"],
        "says_yes": {
            "neither": share(base > 0),
            "finding": share(finding > 0),
            "device": share(device > 0),
        },
        "report": {name: share(with_device[:, k] & ~without[:, k]) for k, name in enumerate(TOLD)},
    }


def _audited(
    out: Path,
    models: dict[float, Path],
    autoencoder: Path,
    confounders: tuple[str, ...],
    progress: Bar | None,
) -> dict[str, Any]:
    """What the verb finds, of an audit that was made before if it was."""
    kept = out / "audit.json"
    return (
        read_json(kept)
        if kept.exists()
        else audit(_audit(out, models, autoencoder, confounders), progress)
    )


def _audit(
    out: Path, models: dict[float, Path], autoencoder: Path, confounders: tuple[str, ...]
) -> AuditRecipe:
    table = FOLDER / "vlm" / "markers.csv"
    lines = [f"{view},{boxed:g}" for view, boxed in markers(POOL, POOL_SEED, "pool").items()]
    with atomic_path(table) as aside:
        aside.write_text("\n".join([f"view,{MARKER}", *lines, ""]), encoding="utf-8")
    tree = {
        "out": str(out),
        "data": {"roots": {"phantom": str(FOLDER / "pool")}},
        "sources": {"phantom": {"source": "phantom", "closed": [DEVICE, OTHER]}},
        "autoencoder": str(autoencoder),
        "table": str(table),
        "attributes": [FINDING, *confounders],
        "finding": FINDING,
        "confounders": list(confounders),
        "audited": {"model": str(models[0.5]), "report": True},
        "controls": {"shortcut": {"model": str(models[1.0]), "report": True}},
        "questions": 500,
        "images": 100,
        "null": 3,
        "bootstrap": 500,
        "threads": 1,
        "workers": 1,
    }
    return recipes.check(AuditRecipe, tree)
