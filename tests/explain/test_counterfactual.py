from __future__ import annotations

import numpy as np
import pytest
import torch

from explain_fakes import linear, pictures
from radvlm.explain.counterfactual import Prepared, change, latent_scorer
from radvlm.explain.decorrelation import Spread
from radvlm.explain.probes import Head
from radvlm.explain.recipe import Closed

HEAD = Head("a", np.array([2.0, 0.0, 0.0, 0.0]), -1.0)
TYPICAL = (-3.0, 3.0)


def spread() -> Spread:
    return Spread.of(np.random.default_rng(0).standard_normal((2000, 4)).astype(np.float32))


def test_the_loop_stops_where_the_score_passes_the_target_and_not_far_beyond() -> None:
    model, prepared = linear(), Prepared.of(linear(), pictures(12))
    found = change(model, prepared, HEAD, spread(), Closed(target=0.9), TYPICAL)
    goal = np.log(9)
    assert found.valid.all() and (found.after >= goal).all()
    assert (found.after < goal + 1.5).all()
    assert np.allclose(found.after, latent_scorer(model, HEAD)(found.images))


def test_only_what_the_direction_holds_is_changed() -> None:
    prepared = Prepared.of(linear(), pictures(6))
    found = change(linear(), prepared, HEAD, spread(), Closed(target=0.9), TYPICAL)
    changed = (found.images != prepared.rebuilt).any(axis=0)
    assert changed[0, 0] and not changed[0, 4:].any() and not changed[1:].any()


def test_a_goal_out_of_reach_is_no_valid_counterfactual() -> None:
    prepared = Prepared.of(linear(), pictures(4))
    found = change(linear(), prepared, HEAD, spread(), Closed(target=0.99999, reach=1.0), TYPICAL)
    assert not found.valid.any() and (found.amplitude <= 1.35).all()


def test_an_outside_score_decides_when_it_is_given() -> None:
    """A black box that never says yes leaves nothing valid, whatever the head thinks."""
    prepared = Prepared.of(linear(), pictures(4))
    found = change(
        linear(),
        prepared,
        HEAD,
        spread(),
        Closed(),
        TYPICAL,
        scorer=lambda images: np.full(len(images), -5),
    )
    assert not found.valid.any()


def test_removing_lowers_the_score() -> None:
    prepared = Prepared.of(linear(), pictures(5) + np.uint8(20))
    found = change(linear(), prepared, HEAD, spread(), Closed(target=0.9), TYPICAL, add=False)
    assert found.valid.all() and (found.after <= -np.log(9)).all()


def test_an_image_beyond_the_goal_is_left_alone() -> None:
    images = pictures(3)
    images[:, 0, 0] = 250
    prepared = Prepared.of(linear(), images)
    found = change(linear(), prepared, HEAD, spread(), Closed(target=0.9), TYPICAL)
    assert (found.amplitude == 0).all() and np.array_equal(found.images, prepared.rebuilt)


@pytest.mark.parametrize("p", [0.5, 0.9])
def test_a_target_is_a_probability(p: float) -> None:
    goal = Closed(target=p).goal(TYPICAL, add=True)
    assert 1 / (1 + np.exp(-goal)) == pytest.approx(p)
    assert Closed(target=p).goal(TYPICAL, add=False) == goal


def test_without_a_target_an_image_becomes_typical_of_the_other_side() -> None:
    assert Closed().goal((-4.0, 6.0), add=True) == 6 and Closed().goal((-4.0, 6.0), add=False) == 4
    # To a model that hardly ever says yes (or no), the other side still begins at even odds.
    assert Closed().goal((-4.0, -1.0), add=True) == 0 and Closed().goal((2.0, 5.0), add=False) == 0


def test_held_scores_stay_where_they_were() -> None:
    """The device is z0, the finding z0 + z1: adding the one has to take z1 back."""
    finding = Head("finding", np.array([1.0, 1.0, 0.0, 0.0]), 0.0)
    model, prepared = linear(), Prepared.of(linear(), pictures(8))
    loose = change(model, prepared, HEAD, spread(), Closed(), TYPICAL)
    held = change(model, prepared, HEAD, spread(), Closed(), TYPICAL, hold=[finding])
    score = latent_scorer(model, finding)
    before = score(prepared.rebuilt)
    assert held.valid.all() and loose.valid.all()
    assert np.abs(score(held.images) - before).max() < 0.5 < (score(loose.images) - before).min()


def test_what_a_decoder_drags_along_is_taken_back() -> None:
    """This decoder raises z1 with z0, which no linear model of z knows of beforehand."""
    model = linear()
    plain = model.decode

    def dragging(noise: torch.Tensor, z: np.ndarray) -> np.ndarray:
        moved = z.copy()
        moved[:, 1] += 0.8 * np.maximum(z[:, 0], 0)
        return np.asarray(plain(noise, moved))

    prepared = Prepared.of(model, pictures(8))
    model.decode = dragging
    finding = Head("finding", np.array([0.0, 2.0, 0.0, 0.0]), 0.0)
    score = latent_scorer(model, finding)
    before = score(prepared.rebuilt)
    loose = change(model, prepared, HEAD, spread(), Closed(), TYPICAL)
    held = change(model, prepared, HEAD, spread(), Closed(), TYPICAL, hold=[finding])
    assert held.valid.all() and (score(loose.images) - before).mean() > 1.2
    assert np.abs(score(held.images) - before).max() <= 1.0
