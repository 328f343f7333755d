from __future__ import annotations

import numpy as np
import pytest

from radvlm.explain.decorrelation import decorrelate
from radvlm.explain.surrogate import fit_surrogate


def test_a_linear_score_is_found_again() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((600, 6)).astype(np.float32) * 3 + 1
    weight = np.array([1.0, -0.5, 0, 0, 0.25, 0])
    found = fit_surrogate("a", z, z @ weight + 0.7)
    assert np.allclose(found.head.weight, weight, atol=0.01) and found.head.bias == pytest.approx(
        0.7, abs=0.05
    )
    assert found.r2 > 0.99


def test_a_score_that_z_does_not_hold_has_no_r2() -> None:
    rng = np.random.default_rng(0)
    found = fit_surrogate(
        "a", rng.standard_normal((500, 20)).astype(np.float32), rng.normal(size=500)
    )
    assert found.r2 < 0.1


def test_weights_keep_a_confounder_out_of_the_direction() -> None:
    """The score is the finding; the device goes with it in 9 of 10; z is a blurred copy of both."""
    rng = np.random.default_rng(0)
    finding = (rng.random(6000) < 0.5).astype(np.float64)
    device = np.where(rng.random(6000) < 0.9, finding, 1 - finding)
    z = np.stack([finding, device], axis=1) + rng.normal(scale=0.7, size=(6000, 2))
    weights = decorrelate({"finding": finding, "device": device}).weights
    plain = fit_surrogate("a", z.astype(np.float32), 8 * finding - 4).head.weight
    apart = fit_surrogate("a", z.astype(np.float32), 8 * finding - 4, weights).head.weight
    assert plain[1] / plain[0] > 0.5 and abs(apart[1] / apart[0]) < 0.1
