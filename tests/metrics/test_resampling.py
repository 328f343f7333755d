from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from radvlm.metrics.resampling import interval, patient_weights, wilson


@given(clusters=st.lists(st.integers(0, 5), min_size=1, max_size=30), seed=st.integers(0, 9))
def test_patients_are_drawn_whole_and_as_many_as_there_are(clusters: list[int], seed: int) -> None:
    weights = patient_weights(clusters, 20, seed)
    assert weights.shape == (20, len(clusters))
    first = {cluster: clusters.index(cluster) for cluster in clusters}
    for row, cluster in enumerate(clusters):
        assert (weights[:, row] == weights[:, first[cluster]]).all()
    assert (weights[:, list(first.values())].sum(axis=1) == len(first)).all()
    assert (weights == patient_weights(clusters, 20, seed)).all()


def test_answers_of_one_patient_do_not_count_as_independent() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=20), 10)
    by_patient = patient_weights(np.repeat(np.arange(20), 10).tolist(), 2000, 0)
    by_answer = patient_weights(range(200), 2000, 0)
    spread = [(w @ values / w.sum(axis=1)).std() for w in (by_patient, by_answer)]
    assert spread[0] == pytest.approx(values.std() / np.sqrt(20), rel=0.1)
    assert spread[0] > 2 * spread[1]


@pytest.mark.parametrize(("count", "of"), [(0, 10), (3, 10), (10, 10), (97, 100), (1, 1)])
def test_wilsons_interval_is_statsmodels(count: int, of: int) -> None:
    assert wilson(count, of) == pytest.approx(proportion_confint(count, of, method="wilson"))


def test_percentiles_of_what_is_defined() -> None:
    values = np.array([np.nan, *range(101)], dtype=np.float64)
    assert interval(values) == (2.5, 97.5)
    assert interval(np.array([np.nan])) is None
