from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import (
    false_discovery_control,
)

from fake_evaluation import fake_examples
from radvlm.evaluate.statistics import (
    Floats,
    benjamini_hochberg,
    holm,
    patient_of,
    resample,
    resample_all,
    two_sided_p,
)
from radvlm.metrics.resampling import interval


def mean_of(values: Floats) -> Callable[[Floats], Floats]:
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for trial in range(300):
        # 60 patients with 1 to 4 answers that share a patient effect; the true mean is 0.
        sizes = rng.integers(1, 5, 60)
        effect = np.repeat(rng.normal(size=60), sizes)
        values = effect + 0.3 * rng.normal(size=sizes.sum())
        patients = np.repeat(np.arange(60), sizes).tolist()
        figures = resample(mean_of(values), patients, 350, trial)
        assert len(figures) == 351 and figures[0] == pytest.approx(values.mean())
        low, high = interval(figures[1:]) or (0, 0)
        covered += low <= 0 <= high
    # Three standard errors of a proportion of 0.95 in 300 are 0.038.
    assert 0.90 <= covered / 300 <= 0.985


def test_samples_differ_between_blocks_and_repeat_with_the_seed() -> None:
    rows = np.random.default_rng(0).random(50)
    first, again, other = (resample(mean_of(rows), range(50), 250, seed) for seed in (0, 0, 1))
    assert (first == again).all() and (first[1:] != other[1:]).all()
    assert len(np.unique(first.round(12))) == 251
    assert len(resample(mean_of(rows), [7] * 50, 250, 0)) == 1


def test_interval_is_of_the_defined_values() -> None:
    values = np.append(np.linspace(0, 1, 1001), [np.nan] * 5)
    assert interval(values) == pytest.approx((0.025, 0.975))
    assert interval(np.full(3, np.nan)) is None


def test_an_unknown_patient_is_the_view() -> None:
    first, _, second, *_ = fake_examples()
    assert patient_of(first) == ("fake", "p0")
    nameless = [dataclasses.replace(e, patient=None) for e in (first, second)]
    assert patient_of(nameless[0]) != patient_of(nameless[1])


def test_several_figures_see_the_same_samples_as_each_alone() -> None:
    first, second = np.random.default_rng(0).random((2, 40))
    patients = [k // 2 for k in range(40)]
    both = resample_all([mean_of(first), mean_of(second)], patients, 250, 3)
    assert both.shape == (2, 251)
    for alone, rows in zip(both, (first, second), strict=True):
        assert (alone == resample(mean_of(rows), patients, 250, 3)).all()


def test_p_counts_the_smaller_tail_twice_and_the_data_once() -> None:
    assert two_sided_p(np.array([1.0] * 97 + [-1.0] * 2 + [np.nan])) == pytest.approx(2 * 3 / 100)
    assert two_sided_p(np.ones(99)) == pytest.approx(2 / 100)
    assert two_sided_p(np.zeros(99)) == 1
    assert two_sided_p(np.full(9, np.nan)) is None


def test_holm_by_hand() -> None:
    # Sorted 0.01·4, 0.02·3, 0.03·2 (kept at the 0.06 before), 0.5·1.
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    assert holm([]) == []


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_benjamini_hochberg_is_scipys_and_never_above_holm(p: list[float]) -> None:
    ours = benjamini_hochberg(p)
    assert ours == pytest.approx(false_discovery_control(p).tolist())
    assert all(a <= b + 1e-12 for a, b in zip(ours, holm(p), strict=True))
    # Holm rejects at a level what Bonferroni does, and maybe more.
    assert all(h <= min(1, len(p) * one) + 1e-12 for h, one in zip(holm(p), p, strict=True))
