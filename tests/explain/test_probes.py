from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from radvlm.errors import InputError
from radvlm.explain.probes import examined, fit_head, fit_heads


def made(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 5)).astype(np.float32) * [1, 2, 3, 1, 1] + 4
    truth = (z @ [1.0, -0.5, 0.2, 0, 0] + rng.standard_normal(n) > 2.5).astype(np.float64)
    return z.astype(np.float32), truth


def test_a_head_is_scikit_learns_logistic_regression() -> None:
    z, truth = made()
    weights = np.random.default_rng(1).uniform(0.2, 2, len(z))
    head = fit_head("a", z, truth, ridge=1e-2, weights=weights)
    scaled = (z - z.mean(0)) / z.std(0)
    peer = LogisticRegression(C=1 / (1e-2 * len(z)), max_iter=500)
    peer.fit(scaled, truth, sample_weight=weights * len(z) / weights.sum())
    assert np.allclose(head.logit(z), peer.decision_function(scaled), atol=1e-3)


def test_auc_is_scikit_learns_and_unknown_rows_do_not_count() -> None:
    z, truth = made()
    truth[:50] = np.nan
    scores = z[:, 0].astype(np.float64)
    found = examined(scores, truth, [("f", str(k)) for k in range(len(z))], 300, 10)
    assert found.auc == pytest.approx(roc_auc_score(truth[50:], scores[50:]))
    assert found.n == 350 and found.positives == int(np.nansum(truth))
    assert found.interval and found.interval[0] < (found.auc or 0) < found.interval[1]


def test_without_both_classes_there_is_no_auc_and_nothing_is_claimed() -> None:
    z, _ = made()
    found = examined(z[:, 0].astype(np.float64), np.ones(len(z)), list(range(len(z))), 50, 10)
    assert found.auc is None and found.interval is None and not found.usable(0.5)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["value"] is None


def test_images_of_one_patient_are_drawn_together() -> None:
    z, truth = made(100)
    scores = z[:, 0].astype(np.float64)
    alone = examined(scores, truth, [str(k) for k in range(100)], 500, 10)
    twice = examined(
        np.tile(scores, 4), np.tile(truth, 4), [str(k % 100) for k in range(400)], 500, 1
    )
    assert alone.interval and twice.interval
    widths = [one.interval[1] - one.interval[0] for one in (alone, twice) if one.interval]
    assert widths[1] == pytest.approx(widths[0], rel=0.2)


def test_a_class_without_examples_is_refused_and_named() -> None:
    z, truth = made()
    with pytest.raises(InputError, match="no positive example"):
        fit_head("rare", z, np.zeros(len(z)), 1e-2)
    heads, refused = fit_heads(z, {"a": truth, "rare": np.zeros(len(z))}, 1e-2)
    assert set(heads) == {"a"} and "no positive" in refused["rare"]


def test_a_probe_at_chance_is_not_usable() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(200) < 0.5).astype(np.float64)
    patients = [str(k) for k in range(200)]
    assert not examined(rng.standard_normal(200), truth, patients, 300, 1).usable(0.55)
    assert examined(truth + 0.1 * rng.standard_normal(200), truth, patients, 300, 1).usable(0.55)
