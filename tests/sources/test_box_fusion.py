"""Weighted box fusion against hand-computed boxes and the package ``ensemble-boxes``."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.records import Box
from radvlm.sources.box_fusion import fuse

Fused = list[tuple[Box, float]]


def corners(box: Box) -> tuple[float, float, float, float]:
    return box.x1, box.y1, box.x2, box.y2


def close(found: Fused, expected: list[tuple[tuple[float, ...], float]]) -> bool:
    ours = sorted((*corners(box), share) for box, share in found)
    theirs = sorted((*box, share) for box, share in expected)
    return len(ours) == len(theirs) and np.allclose(ours, theirs, atol=1e-5)


def test_two_of_three_readers_make_the_mean_of_their_boxes() -> None:
    # Each has area 0.16, they share 0.3 × 0.4 = 0.12: IoU 0.12 / 0.2 = 0.6.
    readers = [[Box(0, 0, 0.4, 0.4)], [Box(0.1, 0, 0.5, 0.4)], []]
    assert close(fuse(readers, 0.5), [((0.05, 0, 0.45, 0.4), 2 / 3)])
    assert close(fuse(readers, 0.65), [((0, 0, 0.4, 0.4), 1 / 3), ((0.1, 0, 0.5, 0.4), 1 / 3)])


def test_boxes_must_overlap_by_more_than_the_threshold() -> None:
    halves = [[Box(0, 0, 0.5, 0.5)], [Box(0, 0, 0.5, 0.25)]]
    assert len(fuse(halves, 0.5)) == 2
    assert len(fuse(halves, 0.499)) == 1


def test_what_the_published_threshold_of_a_tenth_melts_together() -> None:
    # Two separate lesions of IoU 0.25: intersection 0.4 of the width of each.
    consensus = [[Box(0, 0, 0.5, 0.5), Box(0.3, 0, 0.8, 0.5)]]
    assert close(fuse(consensus, 0.1), [((0.15, 0, 0.65, 0.5), 1.0)])
    assert len(fuse(consensus, 0.5)) == 2


def test_a_reader_has_one_vote_however_often_she_draws_a_box() -> None:
    twice = [Box(0, 0, 0.4, 0.4), Box(0.02, 0, 0.42, 0.4)]
    ((box, share),) = fuse([twice, [], []], 0.5)
    assert share == pytest.approx(1 / 3)
    assert corners(box) == pytest.approx((0.01, 0, 0.41, 0.4))


def test_a_cluster_moves_with_its_members() -> None:
    # The third overlaps the first by 0.25 / 0.55 only, the mean of the first two by more than half.
    boxes = [Box(0, 0, 0.4, 1), Box(0.1, 0, 0.5, 1), Box(0.15, 0, 0.55, 1)]
    readers = [[box] for box in boxes]
    assert close(fuse(readers, 0.5), [((0.25 / 3, 0, 1.45 / 3, 1), 1.0)])


def test_most_votes_come_first_and_nothing_is_nothing() -> None:
    one, all_three = Box(0, 0, 0.1, 0.1), Box(0.5, 0.5, 0.9, 0.9)
    assert fuse([[one, all_three], [all_three], [all_three]], 0.5)[0] == (all_three, 1.0)
    assert fuse([[], [], []], 0.5) == []
    assert fuse([], 0.5) == []


@st.composite
def one_box(draw: st.DrawFn) -> Box:
    x1, x2, y1, y2 = (draw(st.integers(0, 20)) for _ in range(4))
    left, top = min(x1, x2), min(y1, y2)
    return Box(left / 21, top / 21, (max(x1, x2) + 1) / 21, (max(y1, y2) + 1) / 21)


readings = st.lists(st.lists(one_box(), max_size=4), min_size=1, max_size=4)


@given(readings, st.sampled_from([0.1, 0.3, 0.5, 0.7]))
def test_fusion_keeps_every_reader_and_invents_no_place(
    readers: list[list[Box]], threshold: float
) -> None:
    fused = fuse(readers, threshold)
    drawn = list(itertools.chain.from_iterable(readers))
    assert bool(fused) == bool(drawn) and len(fused) <= len(drawn)
    votes = sum(share * len(readers) for _, share in fused)
    assert sum(map(bool, readers)) - 1e-9 <= votes <= len(drawn) + 1e-9
    for box, share in fused:
        assert 0 < share <= 1
        assert min(b.x1 for b in drawn) - 1e-9 <= box.x1 < box.x2 <= max(b.x2 for b in drawn) + 1e-9
        assert min(b.y1 for b in drawn) - 1e-9 <= box.y1 < box.y2 <= max(b.y2 for b in drawn) + 1e-9


@given(one_box(), st.integers(1, 5))
def test_readers_who_agree_leave_the_box_as_it_is(box: Box, readers: int) -> None:
    ((fused, share),) = fuse([[box]] * readers, 0.5)
    assert corners(fused) == pytest.approx(corners(box))
    assert share == pytest.approx(1)


READERS = [
    [Box(0.10, 0.10, 0.40, 0.50), Box(0.12, 0.08, 0.44, 0.52), Box(0.60, 0.55, 0.90, 0.95)],
    [Box(0.14, 0.12, 0.42, 0.46), Box(0.55, 0.50, 0.88, 0.90)],
    [Box(0.30, 0.30, 0.62, 0.70), Box(0.62, 0.60, 0.86, 0.98), Box(0.02, 0.80, 0.12, 0.96)],
]
APART = ((0.02, 0.8, 0.12, 0.96), 1 / 3), ((0.3, 0.3, 0.62, 0.7), 1 / 3)
LARGE = (0.6, 0.55, 0.9, 0.95), (0.55, 0.5, 0.88, 0.9), (0.62, 0.6, 0.86, 0.98)
PAIR, ALL = ((0.12, 0.1, 0.42, 0.49333), 2 / 3), ((0.59, 0.55, 0.88, 0.94333), 1.0)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.1, [ALL, ((0.165, 0.15, 0.47, 0.545), 1.0), APART[0]]),
        (0.5, [ALL, PAIR, *APART]),
        (0.7, [PAIR, *APART, *((box, 1 / 3) for box in LARGE)]),
    ],
)
def test_what_ensemble_boxes_1_0_9_said_of_these_readers(
    threshold: float, expected: list[tuple[tuple[float, ...], float]]
) -> None:
    assert close(fuse(READERS, threshold), expected)


def random_readers(seed: int) -> list[list[Box]]:
    """Three readers around the same few places, and now and then elsewhere."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.1, 0.6, (int(rng.integers(1, 4)), 2))
    readers = []
    for _ in range(3):
        boxes = []
        for x, y in places[rng.random(len(places)) < 0.8]:
            dx, dy, dw, dh = rng.uniform(-0.08, 0.08, 4)
            boxes.append(Box(x + dx, y + dy, x + dx + 0.25 + dw, y + dy + 0.25 + dh))
        readers.append(boxes)
    return readers


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7])
def test_ensemble_boxes_finds_the_same(threshold: float) -> None:
    peer = pytest.importorskip("ensemble_boxes")
    compared = 0
    for seed in range(300):
        readers = random_readers(seed)
        lists = [[corners(box) for box in boxes] for boxes in readers]
        # The package sorts by score and leaves the order of equals open: they differ by a trace.
        order = iter(range(100))
        scores = [[1 - 1e-9 * next(order) for _ in boxes] for boxes in lists]
        labels = [[0] * len(boxes) for boxes in lists]
        boxes, shares, _ = peer.weighted_boxes_fusion(
            lists, scores, labels, iou_thr=threshold, conf_type="box_and_model_avg"
        )
        expected = [(tuple(box), share) for box, share in zip(boxes, shares, strict=True)]
        assert close(fuse(readers, threshold), expected)
        together, _, _ = peer.weighted_boxes_fusion(
            *([list(itertools.chain(*each))] for each in (lists, scores, labels)), iou_thr=threshold
        )
        # All in one list, as published: the same boxes.
        assert np.allclose(sorted(map(tuple, together)), sorted(map(tuple, boxes)), atol=1e-5)
        compared += len(expected)
    assert compared > 300
