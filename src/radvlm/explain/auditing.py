"""Does a model rest on a confounder? The audit itself, on arrays; any model that scores images.

Every image is changed in one named thing (a device is added or removed), the change is verified by
a judge the model has no part in, and the model is asked again. What counts is by how much its score
moves, beside how much the finding itself moves it, and beside changes of equal length that mean
nothing: random ones, and those of probes that were fitted to shuffled labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

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

Way = Literal["added", "removed"]
WAYS: tuple[Way, ...] = get_args(Way)
Verdict = Literal["relies", "no reliance found", "undecided"]
_PERMUTATIONS = 10_000
VERIFIED = 0.8
"""Share of edits that a judge has to confirm before a model is scored on them."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What an audit works with: an autoencoder, probes by attribute, covariance of z, a judge.

    ``goals`` are the probe's median logits of images without and with the attribute; of the
    attributes in ``apart`` one is edited while the scores of the others are held. ``shuffled`` are
    probes by attribute that were fitted to shuffled labels.
    """

    autoencoder: DiffusionAutoencoder
    heads: Mapping[str, Head]
    spread: Spread
    judge: Judge
    goals: Mapping[str, tuple[float, float]]
    apart: tuple[str, ...] = ()
    shuffled: Mapping[str, Sequence[Head]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edit:
    """Images with one attribute added or removed, and steps as long that mean nothing.

    ``shown`` says whether the judge confirms an edit: it sees the attribute come or go, and none of
    those it is told apart from with it. ``dragged`` [n, m] is by how much the judge's logits of the
    latter moved all the same. ``random`` and ``shuffled`` are [k, n, s, s].
    """

    name: str
    added: bool
    prepared: Prepared
    changed: Changed
    shown: NDArray[np.bool_]
    dragged: Floats
    random: Pixels
    shuffled: Pixels


Edits = Mapping[str, Mapping[Way, Edit]]
"""Attribute → way → what was made."""


def make_edit(
    tools: Tools,
    prepared: Prepared,
    name: str,
    loop: Closed,
    null: int,
    seed: int = 0,
    *,
    add: bool = True,
) -> Edit:
    """Add an attribute to images (or remove it), and move them as far in directions of nothing."""
    changed = change(
        tools.autoencoder,
        prepared,
        tools.heads[name],
        tools.spread,
        loop,
        tools.goals[name],
        add=add,
        hold=[tools.heads[other] for other in tools.apart if other != name],
    )
    rng = np.random.default_rng(seed)
    steps = [tools.spread.random(len(prepared), rng) for _ in range(null)]
    blank = [tools.spread.direction(head)[None] for head in tools.shuffled.get(name, ())]
    shown, dragged = _judged(tools, prepared, changed, name, add)
    return Edit(
        name,
        add,
        prepared,
        changed,
        shown,
        dragged,
        _moved_as_far(tools, prepared, changed, steps),
        _moved_as_far(tools, prepared, changed, blank),
    )


def _judged(
    tools: Tools, prepared: Prepared, changed: Changed, name: str, add: bool
) -> tuple[NDArray[np.bool_], Floats]:
    """Which edits the judge confirms, and by how much it sees others move, [n, others]."""
    was, now = tools.judge.logits(prepared.rebuilt), tools.judge.logits(changed.images)
    others = [other for other in tools.apart if other != name and other in now]
    shown = ((now[name] > 0) == add) & ((was[name] > 0) != add)
    for other in others:
        shown &= (now[other] > 0) == (was[other] > 0)
    moved = np.array([now[other] - was[other] for other in others])
    return shown, moved.reshape(len(others), len(shown)).T


def _moved_as_far(
    tools: Tools, prepared: Prepared, changed: Changed, steps: Sequence[Floats]
) -> Pixels:
    """Images moved by steps of length 1, times the amplitude of an edit: [k, n, s, s]."""
    amplitude = changed.amplitude[:, None]
    made = [shifted(tools.autoencoder, prepared, amplitude * step) for step in steps]
    return np.stack(made) if made else np.empty((0, *prepared.images.shape), np.uint8)


@dataclass(frozen=True, slots=True)
class Effects:
    """By how much a score moves: by an edit [n], by random steps [k, n], by shuffled probes [k, n].

    ``before`` are the scores of the rebuilt images.
    """

    before: Floats
    edit: Floats
    random: Floats
    shuffled: Floats

    @classmethod
    def of(cls, scorer: Scorer, edit: Edit) -> Effects:
        """Ask the model."""
        before = scorer(edit.prepared.rebuilt)
        random, shuffled = (
            np.stack([scorer(images) - before for images in table])
            if len(table)
            else np.empty((0, len(before)))
            for table in (edit.random, edit.shuffled)
        )
        return cls(before, scorer(edit.changed.images) - before, random, shuffled)


def direct(effect: Floats, dragged: Floats) -> Floats:
    """Effects [n] less what goes through other things that the edit dragged along, [n, m].

    A decoder that has mostly seen two things together draws a little of the other below what the
    judge calls seen. Its share is what the effect follows of it from image to image (least squares;
    the controlled direct effect of a linear model). With fewer than ten images a coefficient there
    is nothing to follow, and effects are left as they are.
    """
    if dragged.shape[1] == 0 or len(effect) < 10 * (1 + dragged.shape[1]):
        return effect
    design = np.column_stack([np.ones(len(effect)), dragged])
    fitted = np.linalg.lstsq(design, effect, rcond=None)[0]
    return np.asarray(effect - dragged @ fitted[1:])


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


def finding_effect(scorer: Scorer, edit: Edit) -> Floats:
    """By how much adding the finding itself moves a score directly: what confounders are beside.

    One value an edit that the judge confirms, or an edit at all where it confirms none.
    """
    kept = edit.shown if edit.shown.any() else np.ones(len(edit.shown), dtype=bool)
    return direct(Effects.of(scorer, edit).edit[kept], edit.dragged[kept])


def judged(
    scorer: Scorer, edit: Edit, finding: Floats, threshold: float, alpha: float
) -> dict[str, Any]:
    """What an edit does to a model, and what follows from this edit alone.

    Args:
        scorer: the model.
        edit: the confounder added to, or removed from, images without the finding.
        finding: direct effect of adding the finding itself, of confirmed edits.
        threshold: reliance above which a model is said to rely on the confounder.
        alpha: level of the test against random steps.
    """
    kept = edit.shown
    verified = share(kept)
    if not kept.any():
        return {"verified": verified, "verdict": "undecided", "why": "no edit was confirmed"}
    moved = Effects.of(scorer, edit)
    effect = moved.edit[kept]
    p = exchange_p(effect, moved.random[:, kept])
    alone = direct(effect, edit.dragged[kept])
    towards = alone if edit.added else -alone
    rests = reliance(float(towards.mean()), float(finding.mean()))
    verdict: Verdict = "relies" if rests > threshold and p < alpha else "no reliance found"
    why = ""
    if verified["value"] < VERIFIED:
        verdict, why = "undecided", "too few edits were confirmed by the judge"
    before = moved.before[kept]
    return {
        "verified": verified,
        "effect": mean_interval(effect),
        "direct_effect": mean_interval(alone),
        "null": mean_interval(moved.random[:, kept].ravel()),
        "shuffled": mean_interval(moved.shuffled[:, kept].ravel()) if len(moved.shuffled) else None,
        "finding_effect": mean_interval(finding),
        "answers_changed": share((before > 0) != (before + effect > 0)),
        "reliance": rests,
        "p": p,
        "verdict": verdict,
        "why": why,
    }


def together(parts: Mapping[Way, dict[str, Any]]) -> dict[str, Any]:
    """One verdict of adding and of removing, each tested at its level.

    A model relies where either says so; "no reliance found" asks for one that could be decided.
    """
    ways: dict[str, Any] = {str(way): part for way, part in parts.items()}
    verdicts = {way: part["verdict"] for way, part in ways.items()}
    for wanted in ("relies", "no reliance found"):
        if wanted in verdicts.values():
            return {**ways, "verdict": wanted, "why": ""}
    why = "; ".join(f"{way}: {part['why']}" for way, part in ways.items())
    return {**ways, "verdict": "undecided", "why": why}


def moved(judge: Judge, before: Pixels, after: Pixels) -> dict[str, Any]:
    """Share of images in which each attribute appears that was not there, with its interval."""
    was, now = judge.shows(before), judge.shows(after)
    found = {}
    for name in judge.names:
        absent = ~was[name]
        if absent.any():
            found[name] = share(now[name][absent])
    return found
