from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.boxes import greedy_match, iou, iou_matrix, mean_box
from radvlm.records import Box

LEFT, RIGHT = Box(0.0, 0.0, 0.5, 1.0), Box(0.5, 0.0, 1.0, 1.0)


def boxes() -> st.SearchStrategy[Box]:
    side = st.tuples(st.integers(0, 99), st.integers(1, 100)).filter(lambda s: s[0] < s[1])
    return st.builds(lambda x, y: Box(x[0] / 100, y[0] / 100, x[1] / 100, y[1] / 100), side, side)


def test_overlap_by_hand() -> None:
    assert iou(LEFT, LEFT) == 1.0
    assert iou(LEFT, RIGHT) == 0.0
    # Intersection 0.25 × 1, union 0.75 × 1.
    assert iou(LEFT, Box(0.25, 0.0, 0.75, 1.0)) == pytest.approx(1 / 3)


@given(boxes(), boxes())
def test_overlap_counts_grid_cells(a: Box, b: Box) -> None:
    def cells(box: Box) -> set[tuple[int, int]]:
        xs = range(round(box.x1 * 100), round(box.x2 * 100))
        ys = range(round(box.y1 * 100), round(box.y2 * 100))
        return {(x, y) for x in xs for y in ys}

    expected = len(cells(a) & cells(b)) / len(cells(a) | cells(b))
    assert iou(a, b) == pytest.approx(expected, abs=1e-9)


def test_empty_lists_give_empty_matrices() -> None:
    assert iou_matrix([], [LEFT]).shape == (0, 1)
    assert iou_matrix([LEFT], []).shape == (1, 0)
    assert greedy_match([LEFT], [], 0.5) == [False]


def test_a_target_is_hit_once_and_the_second_claim_is_false() -> None:
    assert greedy_match([LEFT, LEFT], [LEFT], 0.5) == [True, False]


def test_a_taken_target_does_not_hide_a_free_one() -> None:
    near = Box(0.05, 0.0, 0.55, 1.0)
    # Both overlap LEFT most; the second must fall back on the other target.
    assert greedy_match([LEFT, near], [LEFT, Box(0.2, 0.0, 0.7, 1.0)], 0.5) == [True, True]


def test_mean_box_by_hand() -> None:
    mean = mean_box([Box(0.0, 0.0, 0.5, 1.0), Box(0.5, 0.5, 1.0, 1.0)])
    assert (mean.x1, mean.y1, mean.x2, mean.y2) == (0.25, 0.25, 0.75, 1.0)
