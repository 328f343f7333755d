from __future__ import annotations

import math

import pytest

from radvlm.runtime.schedule import rate_factor


def test_the_rate_climbs_in_equal_steps_and_falls_along_a_cosine() -> None:
    found = [rate_factor(step, 12, 1 / 3) for step in range(12)]
    # Four steps up, then half a cosine over eight steps: the cosine of multiples of 22.5°.
    assert found[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert found[8] == pytest.approx(0.5, abs=1e-12)
    assert found[6] == pytest.approx((2 + math.sqrt(2)) / 4, abs=1e-12)
    assert found[10] == pytest.approx((2 - math.sqrt(2)) / 4, abs=1e-12)
    assert found[11] == pytest.approx(0.0380602, abs=1e-6)


def test_without_decay_the_rate_stays_at_its_peak() -> None:
    assert [rate_factor(k, 5, 0.4, decay=False) for k in range(5)] == [0.5, 1, 1, 1, 1]


def test_one_step_warms_up_even_of_a_run_without_warm_up_or_of_a_single_step() -> None:
    assert rate_factor(0, 1, 0.0) == 1.0
    assert [rate_factor(k, 3, 0.0) for k in range(3)] == pytest.approx([1.0, 1.0, 0.5])
    assert [rate_factor(k, 2, 1.0) for k in range(2)] == [0.5, 1.0]
