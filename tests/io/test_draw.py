from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageColor

from radvlm.io.draw import PALETTE, PREDICTED, REFERENCE, draw_boxes
from radvlm.records import Box

BLANK = np.full((400, 600), 128, np.uint8)
MIDDLE = Box(0.25, 0.25, 0.75, 0.75)


def coloured(image: NDArray[np.uint8], colour: str) -> NDArray[np.bool_]:
    return np.asarray((image == ImageColor.getrgb(colour)).all(axis=-1))


def test_the_picture_keeps_its_aspect_and_is_never_enlarged() -> None:
    assert draw_boxes(BLANK, [], max_side=300).size == (300, 200)
    assert draw_boxes(BLANK, []).size == (600, 400)
    assert (np.asarray(draw_boxes(BLANK, [])) == 128).all()


def test_a_box_is_drawn_where_it_is() -> None:
    painted = coloured(np.asarray(draw_boxes(BLANK, [("", MIDDLE, PREDICTED)])), PREDICTED)
    rows, columns = np.nonzero(painted)
    edges = (columns.min(), rows.min(), columns.max(), rows.max())
    np.testing.assert_allclose(edges, (150, 100, 450, 300), atol=3)
    assert not painted[120:280, 170:430].any()


def test_a_prediction_is_solid_and_a_reference_dashed() -> None:
    solid = coloured(np.asarray(draw_boxes(BLANK, [("", MIDDLE, PREDICTED)])), PREDICTED)
    drawn = draw_boxes(BLANK, [], references=[("", MIDDLE, REFERENCE)])
    dashed = coloured(np.asarray(drawn), REFERENCE)
    assert solid[98:104, 155:445].any(axis=0).all()
    covered = dashed[98:104, 155:445].any(axis=0)
    assert 0.35 < covered.mean() < 0.65
    assert np.abs(np.diff(covered.astype(int))).sum() > 10


@pytest.mark.parametrize(
    "box",
    [Box(0, 0, 0.1, 0.05), Box(0.95, 0, 1, 1), Box(0, 0, 1, 1), Box(0.9, 0.97, 0.91, 0.98)],
)
def test_a_label_stands_inside_the_picture(box: Box) -> None:
    assert _label_area(box) > 0.75 * _label_area(MIDDLE) > 1000


def test_labels_do_not_cover_each_other() -> None:
    two = [("first", MIDDLE, PALETTE[0]), ("second", MIDDLE, PALETTE[3])]
    image = np.asarray(draw_boxes(BLANK, two))
    assert coloured(image, PALETTE[0]).sum() > 300
    assert coloured(image, PALETTE[3]).sum() > 300


def _label_area(box: Box) -> int:
    """Pixels of the box's colour that only its label has."""
    bare = coloured(np.asarray(draw_boxes(BLANK, [("", box, PREDICTED)])), PREDICTED)
    named = np.asarray(draw_boxes(BLANK, [("cardiac silhouette 0.87", box, PREDICTED)]))
    return int((coloured(named, PREDICTED) & ~bare).sum())
