"""Proofs on planted truth: what counterfactuals and audits say of models whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

from benchmarks.diffchest_cohorts import DEVICE, FINDING, MARKER
from benchmarks.diffchest_setup import Pool, make_classifier, twins
from radvlm.explain.auditing import Tools, direct, make_edit, reliance
from radvlm.explain.autoencoder import psnr
from radvlm.explain.counterfactual import Prepared, Scorer, change, latent_scorer, shifted
from radvlm.explain.intervals import Floats, mean_interval, share
from radvlm.explain.judge import Judge, net_logits
from radvlm.explain.probes import Head, fit_head
from radvlm.explain.recipe import Closed, Direction
from radvlm.explain.session import middles
from radvlm.explain.surrogate import fit_surrogate
from radvlm.io.progress import Bar
from radvlm.metrics.calibration import auroc
from radvlm.protocols import Pixels

PLANTED = (0.5, 0.8, 0.95, 0.99, 1.0)
RAW = (0.5, 1.0)
"""Where the published direction is tried as well."""
LOOP = Closed()
LABELLED, ASKED, SHUFFLES = 1500, 1000, 20
CLASSIFIERS = {0.5: 9, 0.8: 2, 0.95: 2, 0.99: 3, 1.0: 6}
SHORTCUT = 0.99
"""From here on a classifier counts as one with the shortcut."""


def tools_of(pool: Pool, judge: Judge) -> Tools:
    """What an audit needs, from a pool."""
    heads = {name: pool.probe(name) for name in (FINDING, DEVICE)}
    goals = {name: middles(head.logit(pool.z), pool.columns[name]) for name, head in heads.items()}
    return Tools(pool.autoencoder, heads, pool.spread(), judge, goals, (FINDING, DEVICE))


def planted_head(pool: Pool, r: float) -> tuple[NDArray[np.intp], Head, tuple[float, float]]:
    """The images with the device planted at ``r``, a head taught on them, its typical logits."""
    chosen = pool.planted(r, LABELLED, seed=7)
    z, truth = pool.z[chosen], pool.columns[FINDING][chosen]
    head = fit_head(FINDING, z, truth, 1e-2)
    return chosen, head, middles(head.logit(z), truth)


def true_effects(scorer: Scorer, four: Pixels) -> tuple[Floats, Floats]:
    """By how much the true twins move a score: with the device, with the finding."""
    base, finding, device, _ = (scorer(four[:, k]) for k in range(4))
    return device - base, finding - base


def shown_in(judge: Judge, name: str, images: Pixels, before: Pixels) -> NDArray[np.bool_]:
    """Whether an attribute is in the images that the judge did not see before."""
    return np.asarray(judge.shows(images)[name] & ~judge.shows(before)[name])


def dose(
    pool: Pool, judge: Judge, prepared: Prepared, four: Pixels, target: float | None, bar: Bar
) -> dict[str, Any]:
    """Heads on z trained with the device planted at r: what their counterfactuals show."""
    spread, rows = pool.spread(), {}
    for r in PLANTED:
        chosen, head, typical = planted_head(pool, r)
        device, finding = true_effects(latent_scorer(pool.autoencoder, head), four)
        row: dict[str, Any] = {
            "true_reliance": reliance(float(device.mean()), float(finding.mean()))
        }
        row["goal"] = Closed(target=target).goal(typical, add=True)
        kinds: tuple[Direction, ...] = ("covariance", *(("weight",) if r in RAW else ()))
        for kind in kinds:
            loop = Closed(target=target, tries=LOOP.tries if kind == "covariance" else 3)
            made = change(pool.autoencoder, prepared, head, spread, loop, typical, kind=kind)
            was = judge.shows(prepared.rebuilt)[MARKER]
            row[kind] = {
                "valid": share(made.valid),
                "device": share(shown_in(judge, DEVICE, made.images, prepared.rebuilt)),
                "finding": share(shown_in(judge, FINDING, made.images, prepared.rebuilt)),
                "marker_changed": share(judge.shows(made.images)[MARKER] != was),
                "amplitude": mean_interval(made.amplitude),
            }
            if kind == "covariance":
                row["null"] = _null(pool, judge, prepared, made.amplitude)
                row["shuffled"] = _shuffled(pool, judge, prepared, made.amplitude, chosen)
        rows[f"{r:g}"] = row
        bar(len(rows), len(PLANTED))
    reliances = [row["true_reliance"] for row in rows.values()]
    shown = [row["covariance"]["device"]["value"] for row in rows.values()]
    return {"by_r": rows, "rank_correlation": float(spearmanr(reliances, shown).statistic)}


def _null(pool: Pool, judge: Judge, prepared: Prepared, amplitude: Floats) -> dict[str, Any]:
    """Random steps of equal length: how often the device or the finding appears."""
    steps = pool.spread().random(len(prepared), np.random.default_rng(11))
    return _appear(judge, prepared, shifted(pool.autoencoder, prepared, amplitude[:, None] * steps))


def _shuffled(
    pool: Pool, judge: Judge, prepared: Prepared, amplitude: Floats, chosen: NDArray[np.intp]
) -> dict[str, Any]:
    """Steps as long along heads whose labels were shuffled, another head for every few images."""
    rng, spread, z = np.random.default_rng(12), pool.spread(), pool.z[chosen]
    truth = pool.columns[FINDING][chosen]
    blank = [fit_head(FINDING, z, rng.permutation(truth), 1e-2) for _ in range(SHUFFLES)]
    steps = np.stack([spread.direction(head) for head in blank])[
        np.arange(len(prepared)) % SHUFFLES
    ]
    return _appear(judge, prepared, shifted(pool.autoencoder, prepared, amplitude[:, None] * steps))


def _appear(judge: Judge, prepared: Prepared, images: Pixels) -> dict[str, Any]:
    return {
        name: share(shown_in(judge, name, images, prepared.rebuilt)) for name in (DEVICE, FINDING)
    }


def rebuilding(pool: Pool, prepared: Prepared, head: Head) -> dict[str, Any]:
    """How well images are rebuilt, and by how much that moves a score."""
    drift = head.logit(pool.autoencoder.encode(prepared.rebuilt)) - head.logit(prepared.z)
    return {
        "psnr": mean_interval(psnr(prepared.images, prepared.rebuilt)),
        "drift": mean_interval(np.abs(drift)),
        "decisions_changed": share(
            (head.logit(prepared.z) > 0) != (head.logit(prepared.z) + drift > 0)
        ),
    }


def black_boxes(
    pool: Pool, clean: Pool, judge: Judge, prepared: Prepared, four: Pixels
) -> dict[str, Any]:
    """Small classifiers of pixels: the effect of edits against that of the true twins."""
    tools = tools_of(pool, judge)
    edits = {n: make_edit(tools, prepared, n, LOOP, null=1) for n in (FINDING, DEVICE)}
    rows = []
    for r, count in CLASSIFIERS.items():
        for seed in range(count):
            net = make_classifier(clean, r, seed)

            def score(images: Pixels, net: Any = net) -> Floats:
                return np.asarray(net_logits(net, images)[:, 0])

            device, finding = true_effects(score, four)
            device, finding = device[edits[DEVICE].shown], finding[edits[FINDING].shown]
            before = score(prepared.rebuilt)
            raw = {
                n: (score(edit.changed.images) - before)[edit.shown] for n, edit in edits.items()
            }
            found = {n: direct(raw[n], edit.dragged[edit.shown]) for n, edit in edits.items()}
            rows.append(
                {
                    "r": r,
                    "seed": seed,
                    "true_device": float(device.mean()),
                    "true_finding": float(finding.mean()),
                    "edit_device": float(found[DEVICE].mean()),
                    "edit_finding": float(found[FINDING].mean()),
                    "true_reliance": reliance(float(device.mean()), float(finding.mean())),
                    "raw_device": float(raw[DEVICE].mean()),
                    "raw_finding": float(raw[FINDING].mean()),
                    "reliance": reliance(float(found[DEVICE].mean()), float(found[FINDING].mean())),
                    "drift": float((before - score(prepared.images)).mean()),
                }
            )
    confirmed = {name: share(edit.shown) for name, edit in edits.items()}
    shown = _edits(edits, judge, prepared)
    return {"classifiers": rows, "edits": shown, "confirmed": confirmed, **_agreement(rows)}


def _edits(edits: Any, judge: Judge, prepared: Prepared) -> dict[str, Any]:
    """What the judge sees appear when something is added."""
    return {
        name: {
            other: share(shown_in(judge, other, edit.changed.images, prepared.rebuilt))
            for other in (FINDING, DEVICE, MARKER)
        }
        for name, edit in edits.items()
    }


def _agreement(rows: list[dict[str, Any]]) -> dict[str, Any]:
    true = np.array([row["true_device"] for row in rows])
    edit = np.array([row["edit_device"] for row in rows])
    large = np.abs(true) > 1
    has = np.array([row["r"] >= SHORTCUT for row in rows], dtype=np.float64)
    scores = np.stack([[row["reliance"] for row in rows], has], axis=1)
    return {
        "slope": float(edit @ true / (true @ true)),
        "r": float(pearsonr(true, edit).statistic),
        "same_sign": share(np.sign(true[large]) == np.sign(edit[large])),
        "auroc_has_shortcut": float(auroc(scores, np.ones((1, len(rows))))[0]),
        "n": len(rows),
    }


def surrogates(
    pool: Pool,
    clean: Pool,
    judge: Judge,
    prepared: Prepared,
    planted: tuple[float, ...],
    bar: Bar,
) -> dict[str, Any]:
    """Black boxes through their surrogates on z: what their own counterfactuals show."""
    rng = np.random.default_rng(3)
    some = rng.choice(len(pool.z), ASKED, replace=False)
    found = {}
    for r in planted:
        net = make_classifier(clean, r, 0)

        def score(images: Pixels, net: Any = net) -> Floats:
            return np.asarray(net_logits(net, images)[:, 0])

        fitted = fit_surrogate(
            FINDING, pool.z[some], score(pool.images[some]), pool.weights()[some]
        )
        typical = middles(score(pool.images[some]), pool.columns[FINDING][some])
        made = change(
            pool.autoencoder, prepared, fitted.head, pool.spread(), LOOP, typical, scorer=score
        )
        found[f"{r:g}"] = {
            "r2": fitted.r2,
            "valid": share(made.valid),
            "device": share(shown_in(judge, DEVICE, made.images, prepared.rebuilt)),
            "finding": share(shown_in(judge, FINDING, made.images, prepared.rebuilt)),
        }
        bar(len(found), len(planted))
    return found


def test_images(pool: Pool) -> tuple[Prepared, Pixels]:
    """Test patients without finding and device, prepared, and their four twins."""
    four = twins()
    return Prepared.of(pool.autoencoder, four[:, 0]), four
