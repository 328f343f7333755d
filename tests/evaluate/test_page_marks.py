from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from page_cases import conversation, radiograph
from radvlm.evaluate.page_data import Conversation, Picture
from radvlm.evaluate.page_marks import Mark, bubbles, data_uri, overlap, picture_alt, picture_marks
from radvlm.records import Box, Turn

A, B, C = Box(0.1, 0.2, 0.5, 0.6), Box(0.5, 0.5, 0.9, 0.9), Box(0.7, 0.01, 0.9, 0.2)


def decoded(uri: str) -> Image.Image:
    head, _, body = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_pictures_keep_their_shape_and_their_grey_values() -> None:
    pixels = np.full((300, 200), 40, dtype=np.uint8)
    pixels[:150] = 220
    image = decoded(data_uri(pixels, 150))
    assert image.size == (100, 150)
    assert image.mode == "L"
    shown = np.asarray(image)
    assert abs(shown[20].mean() - 220) < 2
    assert abs(shown[130].mean() - 40) < 2


def test_small_pictures_are_not_blown_up() -> None:
    assert decoded(data_uri(radiograph(0, 90, 80), 640)).size == (80, 90)


def test_a_mark_lies_where_its_box_is() -> None:
    assert Mark(A, "1", "n1").place == "left:10.00%;top:20.00%;width:40.00%;height:40.00%"


@pytest.mark.parametrize(
    ("box", "corner", "place"),
    [
        (A, "above", "left over"),
        (C, "above", "right within-top"),
        (Box(0.55, 0.5, 0.75, 0.7), "above", "right over"),
        (Box(0.1, 0.5, 0.4, 0.97), "below", "left within-bottom"),
        (A, "below", "left under"),
    ],
)
def test_tags_stay_inside_the_picture(box: Box, corner: str, place: str) -> None:
    assert Mark(box, "x", "true", corner).tag_place == place


def test_boxes_are_numbered_as_named_and_keep_their_number() -> None:
    turns = (
        Turn("system", ("Be brief.",)),
        Turn("user", ("Where?",)),
        Turn("assistant", ("Here ", (A, B), " and ", (A,), ".")),
        Turn("user", ("And this ", (C,), "?")),
        Turn("assistant", ((B,), " overlaps it.")),
    )
    shown, marks = bubbles(Conversation(radiograph(0), turns))
    assert [bubble.role for bubble in shown] == ["user", "assistant", "user", "assistant"]
    assert [(mark.box, mark.tag, mark.style) for mark in marks] == [
        (A, "1", "n1"),
        (B, "2", "n2"),
        (C, "3", "n3"),
    ]
    numbers = [[m.tag for m in p] for b in shown for p in b.pieces if not isinstance(p, str)]
    assert numbers == [["1", "2"], ["1"], ["3"], ["2"]]


def test_the_ninth_box_has_the_first_colour_and_its_own_number() -> None:
    boxes = tuple(Box(0.1 * i, 0.1, 0.1 * i + 0.1, 0.2) for i in range(9))
    _, marks = bubbles(Conversation(radiograph(0), (Turn("assistant", (boxes,)),)))
    assert (marks[8].tag, marks[8].style) == ("9", "n1")


def test_a_conversation_without_boxes_has_no_marks() -> None:
    text_only = tuple(t for t in conversation().turns if all(isinstance(p, str) for p in t.parts))
    assert text_only
    assert bubbles(Conversation(radiograph(0), text_only))[1] == []


def test_overlap_is_said_only_where_one_box_meets_one() -> None:
    left, half = Box(0.0, 0.0, 0.5, 1.0), Box(0.25, 0.0, 0.75, 1.0)
    one = Picture(radiograph(0), "t", "q", "a", (("x", left),), (("x", half),))
    assert overlap(one) == pytest.approx(1 / 3)
    two = Picture(radiograph(0), "t", "q", "a", (("x", left), ("y", half)), (("x", half),))
    assert overlap(two) is None
    assert picture_alt(two) == "Chest radiograph: q (2 boxes predicted, 1 box true)"


def test_a_name_is_written_once_for_predicted_and_true() -> None:
    picture = Picture(radiograph(0), "t", "q", "a", (("x", A),), (("x", B), ("y", C)))
    found = [(mark.tag, mark.style) for mark in picture_marks(picture)]
    assert found == [("", "true"), ("y", "true"), ("x", "predicted")]
