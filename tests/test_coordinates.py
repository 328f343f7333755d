"""Each spelling of the same box is that box; nothing else is; and the time is linear."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from radvlm.codecs import get_codec
from radvlm.coordinates import spelled_boxes
from radvlm.records import Box, Part
from radvlm.tasks.phrase_grounding import PhraseGrounding

THE_BOX = Box(0.1, 0.2, 0.3, 0.4)
CODEC = get_codec("radvlm_01")


def parse(text: str) -> tuple[tuple[Part, ...], bool]:
    return CODEC.parse(text, (1, 1))


@pytest.mark.parametrize(
    "text",
    [
        "(0.1, 0.2, 0.3, 0.4)",
        "{0.1, 0.2, 0.3, 0.4}",
        "<box>0.1 0.2 0.3 0.4</box>",
        "<box>[0.1, 0.2, 0.3, 0.4]</box>",
        "<box>(0.1,0.2),(0.3,0.4)</box>",
        "<|box|> ( 0.1 , 0.2 ) , ( 0.3 , 0.4 ) <|/box|>",
        "<|box_start|>(0.1, 0.2), (0.3, 0.4)<|box_end|>",
        "[[0.1, 0.2], [0.3, 0.4]]",
        "[[0.1, 0.2, 0.3, 0.4]]",
        "[0.1, 0.2, 0.3, 0.4",
        "0.1, 0.2, 0.3, 0.4]",
        "0.1, 0.2, 0.3, 0.4",
        "[10%, 20%, 30%, 40%]",
        "10%, 20%, 30%, 40%",
        "[0.1; 0.2; 0.3; 0.4]",
        "x1: 0.1, y1: 0.2, x2: 0.3, y2: 0.4",
        '{"x1": 0.1, "y1": 0.2, "x2": 0.3, "y2": 0.4}',
        "x_min=0.1 x_max=0.3 y_min=0.2 y_max=0.4",
        "[x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.4]",
        "left: 0.1, top: 0.2, right: 0.3, bottom: 0.4",
        "[0.1, 0.2, 0.3, 0.4.]",
        "[0.1., 0.2., 0.3., 0.4.]",
        "[0.1, 0.2, 0.3, 0.4, 0.97]",
        "[0.3, 0.4, 0.1, 0.2]",
        "[1e-1, 2E-1, 3.0e-1, +0.4]",
        "［０．１，０．２，０．３，０．４］",
        "[٠.١, 0.2, 0.3, 0.4]",
    ],
)
def test_every_spelling_of_a_box_is_that_box_and_said_to_be_mended(text: str) -> None:
    for before, after in (("", ""), ("The heart is at ", "; no effusion.")):
        parts, mended = parse(before + text + after)
        assert mended
        assert [part for part in parts if part] == [p for p in (before, (THE_BOX,), after) if p]


@pytest.mark.parametrize("text", ["[0.1, 0.2, 0.3, 0.4]", "[0.1 0.2\n0.3 0.4]", "[ .1,.2,.3,.4 ]"])
def test_the_convention_itself_is_not_mended(text: str) -> None:
    assert parse(f"At {text}.") == (("At ", (THE_BOX,), "."), False)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("[−0.02, 0.2, 0.3, 1.04]", Box(0, 0.2, 0.3, 1)),
        ("[-0.02, 0.2, 0.3, 1.04]", Box(0, 0.2, 0.3, 1)),
        ("(90%, 20%, 103%, 40%)", Box(0.9, 0.2, 1, 0.4)),
    ],
)
def test_a_little_beyond_the_image_is_clipped(text: str, box: Box) -> None:
    assert parse(text) == (((box,),), True)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("[120, 200, 340, 560]", True),
        ("[0.1, 0.2, 0.3, 1.06]", True),
        ("[-0.1, 0.2, 0.3, 0.4]", True),
        ("[nan, 0.2, 0.3, 0.4]", True),
        ("[0.1, 0.2, inf, 0.4]", True),
        ("[0.1, 0.2, 1e999, 0.4]", True),
        ("[0.1, 0.2, 0.1, 0.4]", True),
        ("[x1: 0.1, x1: 0.2, x2: 0.3, y2: 0.4]", True),
        ("ribs (3, 4, 5, 6) and T4, T5, T6, T7", False),
        ("[0.1, 0.2] and [0.3, 0.4, 0.5]", False),
        ("[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]", False),
        ("masses of 0.9, 0.2, 0.7 and 1.4 cm; 1, 0, 1, 1", False),
        ("0.5, 0.6, 0.1, 0.2", False),
        ("version 0.1.2.3, 0.4", False),
    ],
)
def test_numbers_that_make_no_box_stay_text(text: str, mended: bool) -> None:
    assert parse(text) == ((text,), mended)


def test_an_unreadable_box_beside_a_readable_one_costs_only_itself() -> None:
    parts, mended = parse("[nan, 0, 1, 1], [[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 1, 1]]")
    assert mended and parts == ("[nan, 0, 1, 1], ", (THE_BOX, Box(0.5, 0.5, 1, 1)))


def test_the_task_counts_an_answer_of_nan_as_unreadable() -> None:
    for said, readable in (("It is at [nan, 0, 1, 1].", False), ("It is at (0, 0, 1, 1).", True)):
        assert PhraseGrounding().read(parse(said)[0], ("Where?",)).readable is readable


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    st.floats(-0.5, 1.5).map("{:.2f}".format),
    st.integers(-2, 10**12).map(str),
)
pieces = st.one_of(
    numbers,
    st.sampled_from(
        [*"[](){}<>,;:.%|=- \n", "], [", "), (", "<box>", "</box>", "x1: ", "y2=", " and "]
    ),
    st.text(max_size=4),
)


@given(st.lists(pieces, max_size=40).map("".join))
@example("[0.1, 0.2, 0.3, 0.4](0.5, 0.6, 0.7, 0.8)")
def test_whatever_the_text_the_boxes_are_valid_in_order_and_apart(text: str) -> None:
    end = 0
    for spelled in spelled_boxes(text):
        assert end <= spelled.start < spelled.end <= len(text)
        end = spelled.end
        if box := spelled.box:
            assert 0 <= box.x1 < box.x2 <= 1 and 0 <= box.y1 < box.y2 <= 1
    parts, _ = parse(text)
    rest = iter(part for part in parts if isinstance(part, str))
    place = 0
    for piece in rest:
        place = text.index(piece, place) + len(piece)


@pytest.mark.parametrize(
    "piece",
    [
        *("[", "0", " ", "-", "1e", "nan", "<box>", "x1: ", "[0.1, ", "0.1, 0.2), (", "(0.1,0.2),"),
        *("[0.1,0.2,0.3,0.4", "[0.1, 0.2, 0.3, 0.4], ", "<box>[[", "0.1" + " " * 45),
    ],
)
def test_the_time_is_linear_in_the_text(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        taken = []
        for _ in range(3):
            start = time.process_time()
            parse(text)
            taken.append(time.process_time() - start)
        return min(taken)

    # Eight times the text: 8 where linear, 64 where quadratic.
    assert seconds(160_000) <= 24 * max(seconds(20_000), 1e-3)


def test_an_answer_of_a_megabyte_is_read_in_seconds() -> None:
    text = "[0.1, 0.2, 0.3, 0.4], " * (2**20 // 22)
    start = time.process_time()
    parts, _ = parse(text)
    assert time.process_time() - start < 15
    assert parts == ((THE_BOX,) * (2**20 // 22), ", ")
