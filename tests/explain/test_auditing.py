from __future__ import annotations

import dataclasses
from typing import get_args

import numpy as np
import pytest
import torch

from explain_fakes import linear, pictures
from radvlm.explain.auditing import (
    Edit,
    Tools,
    Way,
    direct,
    exchange_p,
    judged,
    make_edit,
    reliance,
    together,
)
from radvlm.explain.counterfactual import Changed, Prepared, Scorer
from radvlm.explain.decorrelation import Spread
from radvlm.explain.intervals import Floats
from radvlm.explain.judge import Judge
from radvlm.explain.probes import Head
from radvlm.explain.recipe import Closed
from radvlm.protocols import Pixels


def test_p_is_small_for_an_effect_and_even_without_one() -> None:
    rng = np.random.default_rng(0)
    random = rng.normal(size=(4, 80))
    assert exchange_p(rng.normal(size=80) + 1.5, random) < 0.001
    found = [exchange_p(rng.normal(size=40), rng.normal(size=(3, 40)), k) for k in range(60)]
    assert np.mean(np.array(found) < 0.1) < 0.25 and 0.3 < np.mean(found) < 0.7


def test_reliance_by_hand() -> None:
    assert reliance(1.0, 3.0) == 0.25
    assert reliance(-2.0, 3.0) == 0 and reliance(0.0, 0.0) == 0 and reliance(2.0, -1.0) == 1


def edited(shown: bool = True, added: bool = True, dragging: bool = False) -> Edit:
    """Images in which the first pixel has become white, or black; steps of nothing change another.

    Random steps change the second pixel a little, those of shuffled labels the third. Where the
    edit is ``dragging``, the fourth pixel becomes brighter in some images, and the judge sees it.
    """
    prepared = Prepared.of(linear(), pictures(40))
    images = prepared.rebuilt.copy()
    images[:, 0, 0] = 255 if added else 0
    rng = np.random.default_rng(0)
    random, shuffled = (np.stack([prepared.rebuilt] * 3).copy() for _ in range(2))
    random[:, :, 0, 1] += rng.integers(0, 20, (3, 40), dtype=np.uint8)
    shuffled[:, :, 0, 2] += np.uint8(4)
    one, dragged = np.ones(40), np.zeros((40, 1))
    if dragging:
        images[:, 0, 3] += np.arange(40, dtype=np.uint8) * np.uint8(2)
        dragged[:, 0] = np.arange(40) / 10
    changed = Changed(images, one, -one, one, one > 0)
    return Edit("device", added, prepared, changed, np.full(40, shown), dragged, random, shuffled)


def by_pixel(place: int) -> Scorer:
    """A model that looks at one pixel."""
    return lambda images: images[:, 0, place] / 20.0 - 8


@pytest.mark.parametrize("added", [True, False])
def test_a_model_that_looks_at_the_device_relies_on_it_and_another_does_not(added: bool) -> None:
    edit, finding = edited(added=added), np.full(40, 2.0)
    relies = judged(by_pixel(0), edit, finding, 0.2, 0.01)
    clean = judged(by_pixel(1), edit, finding, 0.2, 0.01)
    assert relies["verdict"] == "relies" and relies["p"] < 0.001
    end = 255.0 if added else 0.0
    moved = float((end - edit.prepared.rebuilt[:, 0, 0]).mean() / 20)
    assert relies["effect"]["value"] == pytest.approx(moved)
    # Removing a device lowers the score by what adding it would raise it.
    assert relies["reliance"] == pytest.approx(abs(moved) / (abs(moved) + 2))
    assert clean["verdict"] == "no reliance found" and clean["effect"]["value"] == 0


def test_what_goes_through_something_dragged_along_is_no_direct_effect() -> None:
    """A model of the fourth pixel alone is moved by the edit, and does not rest on the device."""
    edit, finding = edited(dragging=True), np.full(40, 2.0)
    dragged = judged(by_pixel(3), edit, finding, 0.2, 0.01)
    assert dragged["effect"]["value"] == pytest.approx(2 * 19.5 / 20)
    assert dragged["direct_effect"]["value"] == pytest.approx(0, abs=1e-9)
    assert dragged["verdict"] == "no reliance found"

    def both(images: Pixels) -> Floats:
        return by_pixel(0)(images) + by_pixel(3)(images)

    rests = judged(both, edit, finding, 0.2, 0.01)
    alone = judged(by_pixel(0), edited(), finding, 0.2, 0.01)
    # The first pixel's own variation is not quite unrelated to what is dragged.
    assert rests["direct_effect"]["value"] == pytest.approx(alone["effect"]["value"], abs=0.3)
    assert rests["verdict"] == "relies"


def test_few_images_are_not_corrected() -> None:
    effect, dragged = np.arange(19.0), np.arange(19.0)[:, None]
    assert (direct(effect, dragged) == effect).all()
    effect, dragged = np.arange(20.0) + 3, np.arange(20.0)[:, None]
    assert direct(effect, dragged) == pytest.approx(np.full(20, 3.0))


def test_what_shuffled_labels_move_is_told_beside() -> None:
    found = judged(by_pixel(2), edited(), np.ones(40), 0.2, 0.01)
    assert found["shuffled"]["value"] == pytest.approx(4 / 20) and found["null"]["value"] == 0


def test_edits_the_judge_does_not_see_decide_nothing() -> None:
    found = judged(by_pixel(0), edited(shown=False), np.ones(40), 0.2, 0.01)
    assert found["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("added", "removed", "verdict"),
    [
        ("undecided", "relies", "relies"),
        ("no reliance found", "relies", "relies"),
        ("undecided", "no reliance found", "no reliance found"),
        ("undecided", "undecided", "undecided"),
    ],
)
def test_one_verdict_of_two_ways(added: str, removed: str, verdict: str) -> None:
    parts: dict[Way, dict[str, str]] = {
        way: {"verdict": said, "why": "few" if said == "undecided" else ""}
        for way, said in zip(get_args(Way), (added, removed), strict=True)
    }
    found = together(parts)
    assert found["verdict"] == verdict and found["added"]["verdict"] == added
    assert found["why"] == ("added: few; removed: few" if verdict == "undecided" else "")


class Seeing(Judge):
    """Sees finding and device by the first two pixels."""

    def __init__(self) -> None:
        self.names = ("finding", "device")

    def logits(self, images: Pixels) -> dict[str, Floats]:
        return {n: images[:, 0, k] / 20.0 - 7 for k, n in enumerate(self.names)}


@pytest.mark.parametrize("add", [True, False])
def test_an_edit_is_confirmed_where_it_came_or_went_and_nothing_else_did(add: bool) -> None:
    images = pictures(30)
    images[:, 0, 0] = np.where(np.arange(30) < 10, 139, 100)  # nearly the finding, and none
    images[:, 0, 1] = 100 if add else 180
    images[0, 0, 1] = 180 if add else 100  # there already, or never
    autoencoder = linear()
    z = autoencoder.encode(pictures(400))
    heads = {n: Head(n, np.eye(4)[k] * 5, 0.0) for k, n in enumerate(("finding", "device"))}
    # Finding and device lie on one axis in part: a step for the device moves both.
    mixed = np.array([[1.0, 0.4, 0, 0], [0.4, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    spread = Spread(z.mean(axis=0), mixed, np.linalg.cholesky(mixed))
    goals = dict.fromkeys(heads, (-8.0, 8.0))
    blank = {"device": [Head("blank", np.eye(4)[2], 0.0)]}
    tools = Tools(autoencoder, heads, spread, Seeing(), goals, (), blank)
    edit = make_edit(
        dataclasses.replace(tools, apart=("finding", "device")),
        Prepared.of(autoencoder, images),
        "device",
        Closed(reach=50),
        null=2,
        add=add,
    )
    assert edit.shown[1:].all() and not edit.shown[0]
    assert edit.random.shape == (2, *images.shape) and edit.shuffled.shape == (1, *images.shape)
    moved = edit.shuffled[0].astype(int) - edit.prepared.rebuilt
    assert (np.abs(moved[1:, 0, 2]) > 0).all() and (moved[:, 1:] == 0).all()


def test_the_same_images_give_the_same_judge_whatever_was_drawn_before() -> None:
    images = pictures(80)
    columns = {"bright": (images[:, 0, 0] > 125).astype(np.float64)}
    first = Judge.fit(images, columns, samples=640).logits(images)["bright"]
    torch.rand(3)
    again = Judge.fit(images, columns, samples=640).logits(images)["bright"]
    other = Judge.fit(images, columns, samples=640, seed=1).logits(images)["bright"]
    assert (first == again).all() and (first != other).any()
