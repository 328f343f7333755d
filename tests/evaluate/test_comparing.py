"""Paired comparison against exact enumeration, scipy and simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from radvlm.errors import InputError
from radvlm.evaluate.comparing import compare, exchange_p, over_seeds
from radvlm.evaluate.statistics import Floats
from radvlm.metrics.box_f1_50 import BoxF1At50
from radvlm.metrics.coco_ap import CocoAp
from radvlm.metrics.mean_iou import MeanIou
from radvlm.records import Answer, Box

MEAN = MeanIou()  # rows (sum, count): a mean
F1 = BoxF1At50()  # rows (true, false, missed): not a mean


def mean_rows(values: Sequence[float] | Floats) -> Floats:
    return np.column_stack([values, np.ones(len(values))])


def test_a_sign_flip_of_patients_is_scipys_and_the_exact_enumeration() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random(10), rng.random(10) + 0.15
    exact = permutation_test(
        (first - second,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    ours = exchange_p(MEAN, mean_rows(first), mean_rows(second), range(10), samples=20_000)
    assert ours == pytest.approx(exact.pvalue, abs=0.012)
    assert 0.02 < exact.pvalue < 0.6


def test_the_exchange_of_a_figure_that_is_no_mean_is_the_enumeration() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 4, (2, 14, 3)).astype(float)
    first[:, 0] += 1
    patients = [k // 2 for k in range(14)]

    def f1(rows: Floats) -> float:
        true, false, missed = rows.sum(axis=0)
        return float(2 * true / (2 * true + false + missed))

    seen = abs(f1(first) - f1(second))
    drawn = []
    for stays in product([True, False], repeat=7):
        own = np.repeat(stays, 2)[:, None]
        drawn.append(f1(np.where(own, first, second)) - f1(np.where(own, second, first)))
    exact = np.mean(np.abs(drawn) >= seen - 1e-12)
    ours = exchange_p(F1, first, second, patients, samples=20_000)
    assert ours == pytest.approx(exact, abs=0.012)
    assert 0.02 < exact < 0.9


def test_answers_of_one_patient_are_exchanged_together() -> None:
    first, second = mean_rows([1.0] * 40), mean_rows([0.0] * 40)
    apart = exchange_p(MEAN, first, second, range(40), samples=999)
    # Of four patients all go the same way in one of eight cases.
    together = exchange_p(MEAN, first, second, [k // 10 for k in range(40)], samples=9999)
    assert apart == pytest.approx(1 / 1000)
    assert together == pytest.approx(1 / 8, abs=0.015)


def test_the_whole_comparison_of_means_by_hand() -> None:
    rng = np.random.default_rng(2)
    first = rng.random(200)
    change = rng.normal(0.05, 0.2, 200)
    found = compare(MEAN, mean_rows(first + change), mean_rows(first), range(200))
    assert found.difference == pytest.approx(change.mean())
    assert found.first is not None and found.second is not None
    assert found.first - found.second == pytest.approx(found.difference)
    error = change.std(ddof=1) / 200**0.5
    assert found.interval == pytest.approx(
        (change.mean() - 1.96 * error, change.mean() + 1.96 * error), abs=0.15 * error
    )
    # Cohen's d of paired samples.
    assert found.effect == pytest.approx(change.mean() / change.std(ddof=1), rel=0.08)
    assert found.patients == 200


def test_two_equal_models_do_not_differ() -> None:
    rows = mean_rows(np.random.default_rng(0).random(30))
    found = compare(MEAN, rows, rows, range(30), samples=200)
    assert (found.difference, found.interval, found.effect) == (0, (0, 0), None)
    assert (found.p_bootstrap, found.p_exchange) == (1, 1)


def test_both_p_are_seldom_small_where_nothing_differs() -> None:
    rng = np.random.default_rng(3)
    small = np.zeros(2)
    for trial in range(200):
        effect = np.repeat(rng.normal(size=40), 2)
        first, second = (effect + rng.normal(size=80) for _ in range(2))
        found = compare(
            *(MEAN, mean_rows(first), mean_rows(second), [k // 2 for k in range(80)]),
            samples=200,
            seed=trial,
        )
        small += [(found.p_bootstrap or 1) <= 0.05, (found.p_exchange or 1) <= 0.05]
    # Three standard errors of 0.05 in 200 are 0.046.
    assert (small / 200 <= 0.05 + 0.046).all() and (small > 0).all()


def test_undefined_figures_and_one_patient_have_no_p() -> None:
    nothing = np.zeros((3, 2))
    found = compare(MEAN, nothing, mean_rows([1, 1, 1]), range(3), samples=50)
    assert (found.first, found.second) == (None, 1)
    assert (found.difference, found.interval, found.p_bootstrap, found.p_exchange) == (None,) * 4
    lonely = compare(MEAN, mean_rows([1, 1]), mean_rows([0, 1]), [7, 7], samples=50)
    assert lonely.difference == pytest.approx(0.5)
    assert (lonely.interval, lonely.p_bootstrap, lonely.p_exchange) == (None, None, None)


def test_rows_as_wide_as_the_longest_answer_can_be_compared() -> None:
    box, beside = Box(0, 0, 0.5, 0.5), Box(0.6, 0.6, 1, 1)
    targets = [Answer(boxes=(("Mass", box, None),))] * 6
    good = [Answer(boxes=(("Mass", box, 0.9 - k / 10), ("Mass", beside, 0.1))) for k in range(6)]
    poor = [Answer(boxes=(("Mass", beside, 0.5),))] * 6
    metric = CocoAp()
    found = compare(metric, metric.rows(good, targets), metric.rows(poor, targets), range(6))
    assert found.difference == 1
    # The two of 64 exchanges that move all patients the same way.
    assert found.p_exchange == pytest.approx(2 / 64, abs=0.015)


def test_other_numbers_of_answers_are_refused() -> None:
    with pytest.raises(InputError, match="3 and 2 answers cannot be compared"):
        compare(MEAN, mean_rows([1, 1, 1]), mean_rows([1, 1]), range(3))


def run(rows: Floats) -> Callable[[Floats], Floats]:
    return lambda weights: MEAN.reduce(rows, weights)


def test_the_interval_over_seeds_covers_the_truth_of_another_seed_and_patients() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    narrow = 0
    for trial in range(300):
        patients = rng.normal(0, 1, 50)
        # Three runs, each off by a seed's error as large as the patients' standard error.
        runs = [mean_rows(patients + shift) for shift in rng.normal(0, 0.2, 3)]
        found = over_seeds(list(map(run, runs)), range(50), samples=300)
        low, high = found.interval or (0, 0)
        covered += low <= 0 <= high
        alone = over_seeds([run(runs[0])], range(50), samples=300)
        low, high = alone.interval or (0, 0)
        narrow += low <= 0 <= high
        assert found.mean == pytest.approx(np.mean(found.values)) and len(found.values) == 3
        assert trial or found.spread == pytest.approx(np.std(found.values, ddof=1))
    assert 0.91 <= covered / 300 <= 0.995
    assert narrow / 300 < 0.9  # one run knows nothing of the seeds


def test_runs_that_agree_have_the_patients_interval_alone() -> None:
    rows = mean_rows(np.random.default_rng(0).random(40))
    one = over_seeds([run(rows)], range(40), samples=100)
    three = over_seeds([run(rows)] * 3, range(40), samples=100)
    assert one.spread is None and three.spread == 0
    assert one.interval == pytest.approx(three.interval)
    with pytest.raises(InputError, match="needs runs"):
        over_seeds([], range(40))
