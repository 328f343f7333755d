"""Frames against the pixels they are about: what is cut out or padded lies where they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.frames import Frame, Size, centre_square, padded_square, smart_resize, whole
from radvlm.models.gemma3 import pad_to_square
from radvlm.records import Box

SIDES = st.integers(2, 300)


def rectangle(data: st.DataObject, size: Size) -> tuple[int, int, int, int]:
    """A rectangle of whole pixels on an image."""
    x1 = data.draw(st.integers(0, size[0] - 1))
    y1 = data.draw(st.integers(0, size[1] - 1))
    x2 = data.draw(st.integers(x1 + 1, size[0]))
    y2 = data.draw(st.integers(y1 + 1, size[1]))
    return x1, y1, x2, y2


def extent(shown: np.ndarray) -> tuple[float, ...] | None:
    """Where the bright pixels of a picture lie, as fractions of it."""
    rows, columns = np.nonzero(shown)
    if not len(rows):
        return None
    ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return tuple(end / shown.shape[1 - k % 2] for k, end in enumerate(ends))


@given(SIDES, SIDES, st.data())
def test_a_crop_around_the_centre_shows_what_the_frame_says(
    width: int, height: int, data: st.DataObject
) -> None:
    x1, y1, x2, y2 = rectangle(data, (width, height))
    image = np.zeros((height, width), dtype=np.uint8)
    image[y1:y2, x1:x2] = 255
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    expected = extent(image[top : top + side, left : left + side])
    box = Box(x1 / width, y1 / height, x2 / width, y2 / height)
    found = centre_square((width, height)).inside(box, (width, height))
    assert found == (None if expected is None else pytest.approx(expected))


@given(SIDES, SIDES, st.data())
def test_black_borders_move_what_they_surround_as_the_frame_says(
    width: int, height: int, data: st.DataObject
) -> None:
    x1, y1, x2, y2 = rectangle(data, (width, height))
    image = np.zeros((height, width), dtype=np.uint8)
    image[y1:y2, x1:x2] = 255
    padded = pad_to_square(image)
    assert padded.shape == (max(width, height),) * 2
    box = Box(x1 / width, y1 / height, x2 / width, y2 / height)
    frame = padded_square((width, height))
    found = frame.inside(box, (width, height))
    assert found is not None and found == pytest.approx(extent(padded))
    back = frame.outside(found, (width, height))
    assert back is not None
    assert (back.x1, back.y1, back.x2, back.y2) == pytest.approx((box.x1, box.y1, box.x2, box.y2))


def test_borders_of_an_odd_width_are_one_narrower_in_front() -> None:
    assert padded_square((10, 15)) == Frame(-2, 0, 15, 15)
    assert centre_square((15, 10)) == Frame(2, 0, 10, 10)
    assert whole((3, 4)) == Frame(0, 0, 3, 4)


def test_what_lies_on_the_border_alone_is_no_box() -> None:
    assert padded_square((100, 200)).outside((0.0, 0.0, 0.2, 1.0), (100, 200)) is None


@given(
    st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([(3136, 12845056), (9000, 90000)])
)
def test_resizing_is_the_library_s_own(width: int, height: int, limits: tuple[int, int]) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize as theirs

    if max(width, height) <= 200 * min(width, height):
        assert (
            smart_resize((width, height), 28, *limits) == theirs(height, width, 28, *limits)[::-1]
        )
