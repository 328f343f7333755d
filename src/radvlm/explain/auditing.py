"""Does a model rest on a confounder? The audit itself, on arrays; any model that scores images.

Every image is changed in one named thing (a device is added), the change is verified by a judge the
model has no part in, and the model is asked again. What counts is by how much its score moves,
beside how much the finding itself moves it, and beside random changes of equal length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from radvlm.explain.autoencoder import DiffusionAutoencoder
from radvlm.explain.counterfactual import (
    Changed,
    Prepared,
    Scorer,
    change,
    shifted,
)
from radvlm.explain.decorrelation import Spread
from radvlm.explain.intervals import Floats, mean_interval, share
from radvlm.explain.judge import Judge
from radvlm.explain.probes import Head
from radvlm.explain.recipe import Closed
from radvlm.protocols import Pixels

Verdict = Literal["relies", "no reliance found", "undecided"]
_PERMUTATIONS = 10_000
VERIFIED = 0.8
"""Share of edits that a judge has to confirm before a model is scored on them."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What an audit works with: an autoencoder, probes by attribute, covariance of z, a judge.

    ``goals`` is the probe's median logit of images that have the attribute; of the attributes in
    ``apart`` one is edited while the scores of the others are held.
    """

    autoencoder: DiffusionAutoencoder
    heads: Mapping[str, Head]
    spread: Spread
    judge: Judge
    goals: Mapping[str, float]
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """Images to which one attribute was added, and random steps as long [k, n, s, s].

    ``shown`` says whether the judge confirms an edit: it sees the attribute, and none of those it
    is told apart from has come along.
    """

    name: str
    changed: Changed
    shown: np.ndarray
    random: Pixels


def make_edit(
    tools: Tools, prepared: Prepared, name: str, loop: Closed, null: int, seed: int = 0
) -> Edit:
    """Add an attribute to images, and move them as far in ``null`` random directions each."""
    changed = change(
        tools.autoencoder,
        prepared,
        tools.heads[name],
        tools.spread,
        loop,
        goal=tools.goals[name],
        hold=[tools.heads[other] for other in tools.apart if other != name],
    )
    rng = np.random.default_rng(seed)
    amplitude = changed.amplitude[:, None]
    random = [
        shifted(tools.autoencoder, prepared, amplitude * tools.spread.random(len(prepared), rng))
        for _ in range(null)
    ]
    was, now = tools.judge.shows(prepared.rebuilt), tools.judge.shows(changed.images)
    shown = now[name].copy()
    for other in tools.apart:
        if other != name and other in now:
            shown &= ~(now[other] & ~was[other])
    return Edit(name, changed, shown, np.stack(random) if random else np.empty((0,), np.uint8))


def effects(scorer: Scorer, prepared: Prepared, edit: Edit) -> tuple[Floats, Floats]:
    """By how much an edit moves the score of each image [n], and random steps do [k, n]."""
    before = scorer(prepared.rebuilt)
    after = scorer(edit.changed.images) - before
    return after, np.stack([scorer(images) - before for images in edit.random])


def exchange_p(effect: Floats, random: Floats, seed: int = 0) -> float:
    """Two-sided p of "the edit moves the score as random steps do", by exchange within images.

    Under the null the edit of an image is one of its 1 + k steps like any other; the statistic is
    the mean over images (Pitman 1937; the + 1 counts the data).
    """
    table = np.concatenate([effect[None], random])
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(table), size=(_PERMUTATIONS, len(effect)))
    means = table[chosen, np.arange(len(effect))].mean(axis=1)
    middle = means.mean()
    beyond = np.abs(means - middle) >= abs(effect.mean() - middle) - 1e-12
    return float((1 + beyond.sum()) / (1 + _PERMUTATIONS))


def reliance(confounder: float, finding: float) -> float:
    """The confounder's part of what confounder and finding move the score by, 0…1."""
    moved = max(confounder, 0.0) + max(finding, 0.0)
    return max(confounder, 0.0) / moved if moved > 0 else 0.0


def judged(
    scorer: Scorer, prepared: Prepared, edit: Edit, finding: Floats, threshold: float, alpha: float
) -> dict[str, Any]:
    """What an edit does to a model, and the verdict.

    Args:
        scorer: the model.
        prepared: images without finding and confounder.
        edit: the confounder added.
        finding: effect of adding the finding itself, [n].
        threshold: reliance above which a model is said to rely on the confounder.
        alpha: level of the test against random steps.
    """
    effect, random = effects(scorer, prepared, edit)
    kept = edit.shown
    verified = share(kept)
    if not kept.any():
        return {"verified": verified, "verdict": "undecided", "why": "no edit was confirmed"}
    before = scorer(prepared.rebuilt)[kept]
    p = exchange_p(effect[kept], random[:, kept])
    rests = reliance(float(effect[kept].mean()), float(finding.mean()))
    verdict: Verdict = "relies" if rests > threshold and p < alpha else "no reliance found"
    why = ""
    if verified["value"] < VERIFIED:
        verdict, why = "undecided", "too few edits were confirmed by the judge"
    return {
        "verified": verified,
        "effect": mean_interval(effect[kept]),
        "null": mean_interval(random[:, kept].ravel()),
        "finding_effect": mean_interval(finding),
        "answers_changed": share((before > 0) != (before + effect[kept] > 0)),
        "reliance": rests,
        "p": p,
        "verdict": verdict,
        "why": why,
    }


def moved(judge: Judge, before: Pixels, after: Pixels) -> dict[str, Any]:
    """Share of images in which each attribute appears that was not there, with its interval."""
    was, now = judge.shows(before), judge.shows(after)
    found = {}
    for name in judge.names:
        absent = ~was[name]
        if absent.any():
            found[name] = share(now[name][absent])
    return found
