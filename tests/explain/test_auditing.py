from __future__ import annotations

import numpy as np
import pytest

from explain_fakes import linear, pictures
from radvlm.explain.auditing import Edit, exchange_p, judged, reliance
from radvlm.explain.counterfactual import Changed, Prepared


def test_p_is_small_for_an_effect_and_even_without_one() -> None:
    rng = np.random.default_rng(0)
    random = rng.normal(size=(4, 80))
    assert exchange_p(rng.normal(size=80) + 1.5, random) < 0.001
    found = [exchange_p(rng.normal(size=40), rng.normal(size=(3, 40)), k) for k in range(60)]
    assert np.mean(np.array(found) < 0.1) < 0.25 and 0.3 < np.mean(found) < 0.7


def test_reliance_by_hand() -> None:
    assert reliance(1.0, 3.0) == 0.25
    assert reliance(-2.0, 3.0) == 0 and reliance(0.0, 0.0) == 0 and reliance(2.0, -1.0) == 1


def edited(shown: bool = True) -> tuple[Prepared, Edit]:
    """Images in which the first pixel has become white; random steps change the second a little."""
    prepared = Prepared.of(linear(), pictures(40))
    images = prepared.rebuilt.copy()
    images[:, 0, 0] = 255
    random = np.stack([prepared.rebuilt] * 3).copy()
    random[:, :, 0, 1] += np.random.default_rng(0).integers(0, 20, (3, 40), dtype=np.uint8)
    one = np.ones(40)
    changed = Changed(images, one, -one, one, one > 0)
    return prepared, Edit("device", changed, np.full(40, shown), random)


def test_a_model_that_looks_at_the_device_relies_on_it_and_another_does_not() -> None:
    prepared, edit = edited()
    finding = np.full(40, 2.0)
    relies = judged(lambda x: x[:, 0, 0] / 20.0 - 8, prepared, edit, finding, 0.2, 0.01)
    clean = judged(lambda x: x[:, 0, 1] / 20.0 - 8, prepared, edit, finding, 0.2, 0.01)
    assert relies["verdict"] == "relies" and relies["p"] < 0.001
    assert relies["effect"]["value"] == pytest.approx(
        float((255.0 - prepared.rebuilt[:, 0, 0]).mean() / 20)
    )
    assert clean["verdict"] == "no reliance found" and clean["effect"]["value"] == 0


def test_edits_the_judge_does_not_see_decide_nothing() -> None:
    prepared, edit = edited(shown=False)
    found = judged(lambda x: x[:, 0, 0] / 20.0, prepared, edit, np.ones(40), 0.2, 0.01)
    assert found["verdict"] == "undecided"
