from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.codecs import get_codec
from radvlm.errors import CheckpointError
from radvlm.records import Box

CODEC = get_codec("radvlm_01")
SIZE = (1000, 800)
unit = st.floats(0, 1, allow_nan=False)


@st.composite
def any_box(draw: st.DrawFn) -> Box:
    x1, x2 = sorted(draw(st.lists(unit, min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(draw(st.lists(unit, min_size=2, max_size=2, unique=True)))
    return Box(x1, y1, x2, y2)


def test_it_writes_what_the_paper_writes_with_two_decimals_always() -> None:
    assert CODEC.render([Box(0.12, 0.3, 0.55, 0.8)], SIZE) == "[0.12, 0.30, 0.55, 0.80]"


def test_several_boxes_are_joined_and_come_back_as_one_part() -> None:
    boxes = (Box(0, 0, 0.1, 0.1), Box(0.2, 0.2, 0.3, 0.3), Box(0.4, 0.4, 1, 1))
    written = CODEC.render(boxes, SIZE)
    assert written.count("[") == 3 and " and [" in written
    assert CODEC.parse(f"At {written}.", SIZE) == (("At ", boxes, "."), False)


@given(st.lists(any_box(), min_size=1, max_size=4))
def test_a_round_trip_moves_no_corner_by_more_than_a_step_and_a_half(boxes: list[Box]) -> None:
    parts, mended = CODEC.parse(CODEC.render(boxes, SIZE), SIZE)
    assert not mended and len(parts) == 1
    found = parts[0]
    assert isinstance(found, tuple) and len(found) == len(boxes)
    for before, after in zip(boxes, found, strict=True):
        for name in ("x1", "y1", "x2", "y2"):
            # Half a step of rounding, and a step more where a thin box would lose its area.
            assert abs(getattr(before, name) - getattr(after, name)) <= 0.0150001


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("[0.9, 0.1, 0.3, 0.5]", Box(0.3, 0.1, 0.9, 0.5)),
        ("[0.1, 0.2, 0.3., 0.5]", Box(0.1, 0.2, 0.3, 0.5)),
        ("[0.1, 0.2, 1.04, 0.5]", Box(0.1, 0.2, 1.0, 0.5)),
        ("[.1 0.2 0.3 0.5]", Box(0.1, 0.2, 0.3, 0.5)),
    ],
)
def test_it_mends_what_models_get_wrong(text: str, box: Box) -> None:
    parts, mended = CODEC.parse(text, SIZE)
    assert parts == ((box,),)
    assert mended is (text != "[.1 0.2 0.3 0.5]")


@pytest.mark.parametrize("text", ["[0.1, 0.2, 0.1, 0.5]", "[0.1, 0.2]", "[a, b, c, d]", ""])
def test_what_is_no_box_stays_text(text: str) -> None:
    parts, _ = CODEC.parse(text, SIZE)
    assert "".join(map(str, parts)) == text


@given(st.text(alphabet="[]., 0123456789-e", max_size=60))
def test_parse_never_raises_and_loses_no_text_around_boxes(text: str) -> None:
    parts, _ = CODEC.parse(text, SIZE)
    kept = [part for part in parts if isinstance(part, str)]
    assert all(piece in text for piece in kept)


def test_an_unknown_codec_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="radvlm_01"):
        get_codec("radvlm_02")
