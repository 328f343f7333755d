"""``radvlm explain classify``: linear probes on z with AUC and intervals, and label efficiency.

Writes ``probes.json`` (figures), ``report.html`` and ``explainer/``, which explains single images
later. Devices, views and sources stand in the same table as findings: they are the confounders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radvlm import recipe as recipes
from radvlm.errors import InputError
from radvlm.explain.explainer import Explainer
from radvlm.explain.page import Part, cell, write_page
from radvlm.explain.probes import examined, fit_head
from radvlm.explain.recipe import ClassifyRecipe
from radvlm.explain.session import Places, Session, fit_bank, open_session
from radvlm.io.files import write_json
from radvlm.io.progress import Bar

BANDS = ((0.9, "excellent"), (0.8, "very good"), (0.7, "good"), (0.6, "sufficient"))
"""Least AUC of each word (Šimundić 2009); DiffChest's abstract speaks of the first and last."""


def band(auc: float | None) -> str:
    """The word for an AUC."""
    if auc is None:
        return "not tested"
    return next((word for least, word in BANDS if auc >= least), "insufficient")


def classify(recipe: ClassifyRecipe, progress: Bar | None = None) -> dict[str, Any]:
    """Fit and test all probes; returns what is written to ``probes.json``."""
    session = open_session(recipe, progress)
    bank = fit_bank(session, recipe, recipe.apart)
    rows = {
        name: {
            **found.as_json(),
            "band": band(found.auc),
            "usable": found.usable(recipe.chance),
        }
        for name, found in bank.tested.items()
    }
    curve = _curve(session, recipe, [n for n, r in rows.items() if r["usable"]], progress)
    figures = {
        "scope": session.autoencoder.card.scope,
        "images": len(session.rows),
        "patients": len({row.patient for row in session.rows}),
        "probes": rows,
        "refused": dict(bank.refused),
        "label_efficiency": curve,
    }
    write_json(recipe.out / "probes.json", figures)
    write_json(recipe.out / "recipe.json", recipes.dump(recipe))
    Explainer.of(session, bank, recipe).save(recipe.out / "explainer")
    _page(recipe, session, figures)
    return figures


def _curve(
    session: Session, recipe: ClassifyRecipe, names: Sequence[str], progress: Bar | None
) -> dict[str, list[dict[str, Any]]]:
    """Name → AUC on the test patients after learning from each share of the others."""
    train, test = session.of("train", "validate"), session.of("test")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number, name in enumerate(names):
        for share in recipe.shares:
            aucs, learned = [], []
            for draw in range(recipe.draws if share < 1 else 1):
                some = _some(session, train, share, (recipe.seed, draw))
                try:
                    head = fit_head(name, session.z[some], session.column(name, some), recipe.ridge)
                except InputError:
                    continue
                result = examined(
                    head.logit(session.z[test]),
                    session.column(name, test),
                    session.patients(test),
                    1,
                    len(some),
                )
                if result.auc is not None:
                    aucs.append(result.auc)
                    learned.append(len(some))
            if aucs:
                found[name].append(
                    {
                        "share": share,
                        "value": float(np.mean(aucs)),
                        "interval": [float(min(aucs)), float(max(aucs))],
                        "learned_from": round(float(np.mean(learned))),
                        "draws": len(aucs),
                    }
                )
        if progress:
            progress(number + 1, len(names), note="label efficiency")
    return found


def _some(session: Session, train: Places, share: float, seed: tuple[int, int]) -> Places:
    """The images of a random share of the training patients."""
    patients = sorted(set(session.patients(train)))
    count = max(2, round(share * len(patients)))
    order = np.random.default_rng(seed).permutation(len(patients))[:count]
    chosen = {patients[k] for k in order}
    return np.array([k for k in train if session.rows[k].patient in chosen], dtype=int)


def _page(recipe: ClassifyRecipe, session: Session, figures: dict[str, Any]) -> None:
    rows = [
        [
            name,
            cell(found),
            found["band"] if found["usable"] else _useless(found),
            str(found["n"]),
            str(found["positives"]),
            str(found["learned_from"]),
        ]
        for name, found in sorted(
            figures["probes"].items(), key=lambda one: -(one[1]["value"] or 0)
        )
    ]
    rows += [[name, "–", why, "–", "–", "–"] for name, why in figures["refused"].items()]
    shares = [f"{100 * share:g} %" for share in recipe.shares]
    curve = [
        [name, *(_at(points, share) for share in recipe.shares)]
        for name, points in figures["label_efficiency"].items()
    ]
    write_page(
        recipe.out / "report.html",
        "What the code of an image holds",
        f"Linear probes on {figures['images']} images of {figures['patients']} patients; "
        "figures are of test patients.",
        session.autoencoder.card.scope,
        [
            Part(
                "Probes",
                ["AUC with 95 % interval over resampled patients."],
                ["attribute", "AUC", "band", "test images", "positive", "learned from"],
                rows,
            ),
            Part(
                "Label efficiency",
                ["Mean AUC (least to most of the draws) from a share of the patients."],
                ["attribute", *shares],
                curve,
            ),
        ],
        session.access,
    )


def _useless(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return "the test images all have it, or all have not: not used"
    return "at chance: not used"


def _at(points: Sequence[dict[str, Any]], share: float) -> str:
    return next((cell(point) for point in points if point["share"] == share), "–")
