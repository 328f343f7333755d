"""Switching one factor changes that factor only, and inside its box."""

from __future__ import annotations

import numpy as np
import pytest
from phantom_cases import EVERYTHING, rectangle, twins, with_factor

from radvlm.sources.phantom.factors import Factors
from radvlm.sources.phantom.simulate import simulate

SEEDS = range(8)
BLUR = 4
"""Pixels around a box that soft edges and blur may change."""


def changed(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Where the twins differ by any grey level, where inside the boxes, and how much at most."""
    (before, _), (after, truth) = twins(seed, name)
    differs = np.abs(after.astype(int) - before.astype(int))
    inside = np.zeros(before.shape, dtype=bool)
    for drawn in truth.drawn:
        for box in drawn.boxes:
            inside[rectangle(box, before.shape, BLUR)] = True
    return differs > 0, inside, int(differs.max())


@pytest.mark.parametrize("name", EVERYTHING)
def test_the_boxes_cover_every_pixel_that_differs(name: str) -> None:
    for seed in SEEDS:
        differs, inside, most = changed(name, seed)
        assert most > 20, f"{name} of seed {seed} cannot be seen"
        assert not (differs & ~inside).any(), f"{name} of seed {seed}"


@pytest.mark.parametrize("name", [n for n in EVERYTHING if n != "Pleural Other"])
def test_the_boxes_are_no_larger_than_what_they_show(name: str) -> None:
    """The pixels that clearly differ reach at least 60 % of the box's width and height."""
    shares = []
    for seed in SEEDS:
        (before, _), (after, truth) = twins(seed, name)
        differs = np.abs(after.astype(int) - before.astype(int)) > 12
        for box in (box for drawn in truth.drawn for box in drawn.boxes):
            part = differs[rectangle(box, before.shape)]
            shares.append([part.any(axis=axis).mean() for axis in (0, 1)])
    least = 0.25 if name in {"Cardiomegaly", "Enlarged Cardiomediastinum"} else 0.6
    assert np.median(shares) > least


@pytest.mark.parametrize("name", EVERYTHING)
def test_the_regions_and_other_findings_stay(name: str) -> None:
    other = "Lung Lesion" if name != "Lung Lesion" else "Pneumothorax"
    for seed in SEEDS[:3]:
        base = with_factor(Factors(), other)
        (_, before), (_, after) = twins(seed, name, base)
        same = {d for d in before.drawn if d.name == other}
        assert same and same == {d for d in after.drawn if d.name == other}
        moved = {n for n, box in before.regions.items() if after.regions.get(n) != box}
        if name not in {"Cardiomegaly", "Enlarged Cardiomediastinum"}:
            assert not moved
        assert "carina" not in moved and "left hemidiaphragm" not in moved


def test_a_seed_gives_the_same_pixels_and_another_does_not() -> None:
    first, again, other = (simulate(seed, Factors())[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_the_marker_s_shape_changes_a_corner_only() -> None:
    plain, boxed = (simulate(5, Factors(marker=m))[0] for m in ("plain", "boxed"))
    rows, columns = np.nonzero(plain != boxed)
    assert len(rows) and rows.max() < plain.shape[0] * 0.35
    assert np.ptp(columns) < plain.shape[1] * 0.2
