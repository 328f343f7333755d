"""What holds for every metric."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import METRICS, answer_strategy, target_strategy

from radvlm.metrics.paper_map50 import PaperMap50
from radvlm.metrics.weights import WEIGHTS, WeightsMissing
from radvlm.protocols import Metric
from radvlm.records import Answer
from radvlm.registry import TABLES, resolve

by_key = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
pairs = st.lists(st.tuples(answer_strategy, target_strategy), min_size=1, max_size=6)


def value(metric: Metric, answers: list[Answer], targets: list[Answer]) -> float:
    rows = metric.rows(answers, targets)
    return float(metric.reduce(rows, np.ones((1, len(targets))))[0])


ELSEWHERE = {"bleu4", "label_auroc_13_macro", "label_calibration_13", "box_calibration"}
"""Corpus BLEU has no worst row, and texts of under four words cannot reach 1; the others are of
probabilities, which a right answer need not have. See their own tests."""


def test_every_row_of_the_registry_is_tested_here_and_keys_are_unique() -> None:
    """But for those whose weights are not on this machine, which are tested on made ones."""
    listed = set()
    for name in TABLES["metrics"].keys() - ELSEWHERE:
        with suppress(WeightsMissing):
            listed.add(type(resolve("metrics", name)()))
    assert listed <= {type(metric) for metric in METRICS}
    learned = {metric for weights in WEIGHTS.values() for metric in weights.metrics}
    assert len(METRICS) == len(TABLES["metrics"].keys() - learned - ELSEWHERE)
    assert len({metric.key for metric in METRICS}) == len(METRICS)


@by_key
@settings(max_examples=40)
@given(pairs=pairs, data=st.data())
def test_integer_weights_equal_repeated_answers(
    metric: Metric, pairs: list[tuple[Answer, Answer]], data: st.DataObject
) -> None:
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs)))
    repeated = [pair for pair, count in zip(pairs, counts, strict=True) for _ in range(count)]
    rows = metric.rows([a for a, _ in pairs], [t for _, t in pairs])
    weighted = metric.reduce(rows, np.array([counts], dtype=np.float64))[0]
    direct = value(metric, [a for a, _ in repeated], [t for _, t in repeated])
    assert weighted == pytest.approx(direct, nan_ok=True)


@by_key
@settings(max_examples=40)
@given(pairs=pairs)
def test_failing_any_one_answer_never_raises_the_figure(
    metric: Metric, pairs: list[tuple[Answer, Answer]]
) -> None:
    answers, targets = [a for a, _ in pairs], [t for _, t in pairs]
    before = value(metric, answers, targets)
    for index in range(len(pairs)):
        worse = [*answers]
        worse[index] = replace(worse[index], readable=False)
        after = value(metric, worse, targets)
        assert np.isnan(before) or after <= before + 1e-12


@by_key
@settings(max_examples=40)
@given(targets=st.lists(target_strategy, min_size=1, max_size=5))
def test_the_target_itself_scores_one_and_failures_zero(
    metric: Metric, targets: list[Answer]
) -> None:
    if isinstance(metric, PaperMap50):  # as published, a denial is worth 0, a box given twice half
        targets = [t for t in targets if 0 < len({b for _, b, _ in t.boxes}) == len(t.boxes)]
    perfect = value(metric, targets, targets)
    if "unsupported=0" not in metric.key:  # where a name without support pulls the mean down
        assert perfect == pytest.approx(1) or np.isnan(perfect)
    failed = value(metric, [Answer(readable=False)] * len(targets), targets)
    assert failed == 0 or np.isnan(failed)


@by_key
@settings(max_examples=25)
@given(pairs=pairs, seed=st.integers(0, 99))
def test_the_order_of_answers_does_not_matter(
    metric: Metric, pairs: list[tuple[Answer, Answer]], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(pairs))
    shuffled = [pairs[i] for i in order]
    assert value(metric, *map(list, zip(*pairs, strict=True))) == pytest.approx(
        value(metric, *map(list, zip(*shuffled, strict=True))), nan_ok=True
    )


@by_key
def test_no_answers_are_undefined_not_zero(metric: Metric) -> None:
    assert np.isnan(value(metric, [], []))
