"""Groups by hand and by simulation: gaps, corrections, small groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fake_evaluation import fake_examples
from radvlm.evaluate.statistics import Floats, holm
from radvlm.evaluate.subgroups import Subgroup, age_band, attributes_of, subgroups, worst
from radvlm.metrics.resampling import patient_weights

SEXES = ["F", "M"]


def found_by(
    values: Floats, attributes: list[dict[str, str]], by: tuple[str, ...], samples: int = 300
) -> dict[str, Subgroup]:
    def figure(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            return np.asarray(weights @ values / weights.sum(axis=1))

    found = subgroups(figure, attributes, range(len(values)), by=by, samples=samples)
    return {one.group: one for one in found}


def test_value_gap_and_counts_by_hand() -> None:
    values = np.r_[np.full(40, 0.5), np.full(60, 0.8)]
    attributes = [{"sex": "F"}] * 40 + [{"sex": "M"}] * 60
    found = found_by(values, attributes, ("sex",))
    assert list(found) == SEXES
    assert (found["F"].patients, found["M"].answers) == (40, 60)
    assert found["F"].value == pytest.approx(0.5) and found["M"].value == pytest.approx(0.8)
    assert found["F"].gap == pytest.approx(-0.3) == -(found["M"].gap or 0)
    assert found["F"].gap_interval == pytest.approx((-0.3, -0.3))
    # One pair of groups is one gap: nothing to correct for.
    assert found["F"].p == found["F"].p_adjusted == pytest.approx(2 / 301)


def test_p_is_corrected_for_every_gap_looked_at() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(300)
    sexes, sources = rng.choice(SEXES, 300), rng.choice(["a", "b", "c"], 300)
    values[sources == "c"] -= 0.15
    attributes = [{"sex": str(a), "source": str(b)} for a, b in zip(sexes, sources, strict=True)]
    found = found_by(values, attributes, ("sex", "source"))
    raw = [found[group].p or 0 for group in ("F", "a", "b", "c")]
    assert [found[g].p_adjusted for g in ("F", "a", "b", "c")] == pytest.approx(holm(raw))
    assert found["M"].p_adjusted == found["F"].p_adjusted
    assert (found["c"].p_adjusted or 1) < 0.05 < (found["F"].p_adjusted or 0)


def test_a_small_group_is_shown_but_not_tested_and_never_the_worst() -> None:
    values = np.r_[np.zeros(29), np.full(31, 0.4), np.full(60, 0.6)]
    ages = ["0-17"] * 29 + ["18-39"] * 31 + ["40-59"] * 60
    found = found_by(values, [{"age": age} for age in ages], ("age",))
    child = found["0-17"]
    assert child.small and child.value == 0 and child.interval == (0, 0)
    assert (child.p, child.p_adjusted) == (None, None)
    assert not found["18-39"].small
    last = worst(list(found.values()))
    assert last is not None and last.group == "18-39"
    first = worst(list(found.values()), higher_is_better=False)
    assert first is not None and first.group == "40-59"
    assert worst([child]) is None


def test_patients_are_counted_not_answers() -> None:
    attributes = [{"sex": "F"}] * 60 + [{"sex": "M"}] * 60
    patients = [k // 3 for k in range(120)]
    found = subgroups(lambda w: w.mean(axis=1), attributes, patients, by=("sex",), samples=20)
    assert [(one.patients, one.answers, one.small) for one in found] == [(20, 60, True)] * 2


def test_what_is_not_known_is_a_group_that_nobody_is_tested_against() -> None:
    values = np.r_[np.full(50, 0.2), np.full(50, 0.8)]
    found = found_by(values, [{}] * 50 + [{"sex": "F"}] * 50, ("sex",))
    assert found["unknown"].value == pytest.approx(0.2)
    assert found["unknown"].p is None and found["unknown"].gap == pytest.approx(-0.6)
    best = worst(list(found.values()))
    assert best is not None and best.group == "F"


def test_the_interval_is_that_of_the_group_in_resampled_patients() -> None:
    rng = np.random.default_rng(1)
    values = rng.random(80)
    inside = np.arange(80) < 40
    found = found_by(values, [{"sex": SEXES[k]} for k in inside.astype(int)], ("sex",), 100)
    weights = patient_weights(range(80), 100, (0, 0))[:, inside]
    drawn = weights @ values[inside] / weights.sum(axis=1)
    assert found["M"].interval == pytest.approx(np.percentile(drawn, [2.5, 97.5]).tolist())


def test_groups_of_a_model_that_is_fair_are_seldom_found_unfair() -> None:
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(100):
        values = rng.random(120)
        attributes = [{"age": str(k % 3), "sex": SEXES[k % 2]} for k in range(120)]
        found = found_by(values, attributes, ("age", "sex"), 200)
        alarms += any((one.p_adjusted or 0) <= 0.05 for one in found.values())
    # Three standard errors of 0.05 in 100 are 0.065.
    assert alarms <= 11


@pytest.mark.parametrize(
    ("age", "band"),
    [
        *((0, "0-17"), (17.9, "0-17"), (18, "18-39"), (40, "40-59"), (79, "60-79"), (91, "80+")),
        *((None, "unknown"), (float("nan"), "unknown"), (-1, "unknown"), (999, "unknown")),
    ],
)
def test_bands_of_age(age: float | None, band: str) -> None:
    assert age_band(age) == band


def test_attributes_of_examples() -> None:
    first, second, *_ = fake_examples(1)
    told = attributes_of(replace(first, sex="F", age=66.0))
    assert told == {"sex": "F", "age": "60-79", "view": "PA", "source": "fake"}
    untold = attributes_of(second)
    assert untold["sex"] == untold["age"] == "unknown"
