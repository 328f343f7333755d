from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from radvlm.errors import InputError
from radvlm.explain.decorrelation import Spread, decorrelate
from radvlm.explain.probes import Head


def test_weights_by_hand() -> None:
    """a and b together in 4 of 6: P(1,1) = P(0,0) = 1/3, margins 1/2 → 3/4 and 3/2."""
    columns = {"a": np.array([1, 1, 0, 0, 1, 0.0]), "b": np.array([1, 1, 0, 0, 0, 1.0])}
    found = decorrelate(columns)
    assert found.weights.tolist() == pytest.approx([0.75] * 4 + [1.5] * 2)
    assert found.empty == 0
    # Kish: 6² / (4 · 0.75² + 2 · 1.5²)
    assert found.effective == pytest.approx(36 / 6.75)


def test_weighted_attributes_are_independent_and_as_common_as_before() -> None:
    rng = np.random.default_rng(0)
    a = (rng.random(4000) < 0.3).astype(np.float64)
    b = np.where(rng.random(4000) < 0.85, a, 1 - a)
    weights = decorrelate({"a": a, "b": b}).weights
    assert abs(np.cov(a, b, aweights=weights)[0, 1]) < 1e-9
    assert np.average(b, weights=weights) == pytest.approx(b.mean())


def test_rows_that_are_not_known_count_nothing_and_empty_cells_are_told() -> None:
    found = decorrelate({"a": np.array([1, 1, 0, np.nan]), "b": np.array([1, 1, 0, 0.0])})
    assert found.weights[3] == 0 and found.empty == 2
    with pytest.raises(InputError):
        decorrelate({"a": np.array([np.nan]), "b": np.array([1.0])})


def test_the_covariance_direction_is_the_shortest_step_to_a_score() -> None:
    rng = np.random.default_rng(0)
    z = (rng.standard_normal((500, 3)) @ rng.standard_normal((3, 3))).astype(np.float32)
    spread, head = Spread.of(z), Head("a", np.array([1.0, -2.0, 0.5]), 0.0)
    found = minimize(
        lambda step: spread.length(step)[0] ** 2,
        np.ones(3),
        constraints={"type": "eq", "fun": lambda step: step @ head.weight - 1},
    ).x
    direction = spread.direction(head)
    assert spread.length(direction)[0] == pytest.approx(1)
    assert np.allclose(direction / (direction @ head.weight), found, atol=1e-3)
    assert spread.length(spread.direction(head, "weight"))[0] == pytest.approx(1)


def test_random_directions_have_length_one() -> None:
    z = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32) * [1, 5, 0.1, 2]
    spread = Spread.of(z.astype(np.float32))
    steps = spread.random(50, np.random.default_rng(1))
    assert np.allclose(spread.length(steps), 1)
