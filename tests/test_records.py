from __future__ import annotations

import dataclasses
import math
import pickle

import pytest

from radvlm.errors import ImageError, RecordError
from radvlm.records import Box, Finding, Region, Study, View


@pytest.mark.parametrize(
    "corners",
    [
        (0.5, 0.1, 0.4, 0.9),
        (0.1, 0.9, 0.4, 0.5),
        (0.1, 0.1, 0.1, 0.9),
        (-0.01, 0.1, 0.4, 0.9),
        (0.1, 0.1, 0.4, 1.01),
        (math.nan, 0.1, 0.4, 0.9),
        (0.1, 0.1, math.inf, 0.9),
    ],
)
def test_an_invalid_box_cannot_be_made(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(RecordError):
        Box(*corners)


def test_the_whole_image_is_a_box() -> None:
    assert dataclasses.astuple(Box(0, 0, 1, 1)) == (0, 0, 1, 1)


def test_records_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Box(0, 0, 1, 1).x1 = 0.5  # type: ignore[misc]


def study(**changes: object) -> Study:
    base = Study("f", ("s",), "1", "p", "train", "open", (View("v", "v.png", "PA"),))
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_a_study_refuses_what_points_at_no_view_of_it() -> None:
    with pytest.raises(RecordError, match="no view called w"):
        study(regions=(Region("carina", "w", Box(0, 0, 1, 1)),))


def test_a_study_refuses_two_views_of_one_id() -> None:
    with pytest.raises(RecordError, match="same id"):
        study(views=(View("v", "a.png"), View("v", "b.png")))


def test_an_absent_finding_has_no_boxes() -> None:
    with pytest.raises(RecordError, match="cannot be absent"):
        Finding("Pneumothorax", "absent", "phantom", "v", (Box(0, 0, 1, 1),))


def test_errors_say_what_where_and_remedy_in_one_line_and_survive_a_process_boundary() -> None:
    error = ImageError("the file is\nempty", "a.png", "Copy it anew")
    assert str(error) == "a.png: the file is empty. Copy it anew"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
