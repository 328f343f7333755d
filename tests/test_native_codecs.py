"""Other models' coordinates: hand-made texts, and round trips within half a step of each grid."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.frames import Size
from radvlm.grid_codecs import GridCodec
from radvlm.native_codecs import NATIVE, MairaBins
from radvlm.records import Box

CODECS: dict[str, GridCodec] = {c.name: c for c in NATIVE if isinstance(c, GridCodec)}
NAMES = sorted(CODECS)
SQUARE, WIDE, TALL = (1000, 1000), (2000, 1000), (500, 1000)


def boxes_of(name: str, text: str, size: Size) -> tuple[list[tuple[float, ...]], bool]:
    parts, mended = CODECS[name].parse(text, size)
    found = [box for part in parts if not isinstance(part, str) for box in part]
    return [(b.x1, b.y1, b.x2, b.y2) for b in found], mended


@pytest.mark.parametrize(
    ("name", "size", "box", "text"),
    [
        ("chexagent_100", WIDE, (0.12, 0.30, 0.55, 0.80), "<|box|> (12,30),(55,80) <|/box|>"),
        ("qwen3_1000", WIDE, (0.12, 0.30, 0.55, 0.80), '{"bbox_2d": [120, 300, 550, 800]}'),
        # 2000 × 1000 becomes 1988 × 1008, whole patches of 28; a quarter of that is 497 and 252.
        ("qwen25_pixels", WIDE, (0.25, 0.25, 0.5, 0.75), '{"bbox_2d": [497, 252, 994, 756]}'),
        # Padded to 1000 × 1000 with 250 left and right: half the width is 500, 0.2 of it 350.
        ("medgemma_yx", TALL, (0.2, 0.3, 0.5, 0.8), '{"box_2d": [300, 350, 800, 500]}'),
        # The middle 1000 × 1000 of 2000 × 1000: 1000 px is bin 50, whose middle is 50.5 %.
        ("maira_bins", WIDE, (0.30, 0.455, 0.505, 0.565), "<box><x10><y45><x51><y56></box>"),
    ],
)
def test_a_box_is_written_as_the_model_was_taught(
    name: str, size: Size, box: tuple[float, float, float, float], text: str
) -> None:
    assert CODECS[name].render([Box(*box)], size) == text


@pytest.mark.parametrize(
    ("name", "size", "text", "box"),
    [
        # MAIRA-2's own way back: (bin + 0.5) / 100 of the side, and the offset of the crop.
        ("maira_bins", WIDE, "<obj>line <box><x55><y45><x70><y56></box></obj>",
         ((0.555 * 1000 + 500) / 2000, 0.455, (0.705 * 1000 + 500) / 2000, 0.565)),
        ("chexagent_100", TALL, "<|box|>(12,30),(55,80)<|/box|>", (0.12, 0.3, 0.55, 0.8)),
        ("medgemma_yx", TALL, '```json\n[{"box_2d": [300, 350, 800, 500], "label": "x"}]\n```',
         (0.2, 0.3, 0.5, 0.8)),
    ],
)  # fmt: skip
def test_a_reply_is_read_as_its_model_means_it(
    name: str, size: Size, text: str, box: tuple[float, ...]
) -> None:
    found, mended = boxes_of(name, text, size)
    assert found == [pytest.approx(box)] and not mended


@st.composite
def cases(draw: st.DrawFn, name: str) -> tuple[Size, Box]:
    """An image of any shape, and a box with at least a step each way inside the frame."""
    size = draw(st.tuples(st.integers(30, 3000), st.integers(30, 3000)))
    codec = CODECS[name]
    frame, steps = codec.frame(size), codec.steps(size)
    visible = frame.inside(Box(0, 0, 1, 1), size)
    assert visible is not None
    ends = []
    for low, high, step in ((visible[0], visible[2], steps[0]), (visible[1], visible[3], steps[1])):
        first = draw(st.floats(low, max(low, high - 1.1 / step)))
        ends.append((first, draw(st.floats(min(first + 1.1 / step, high), high))))
    (x1, x2), (y1, y2) = ends
    box = frame.outside((x1, y1, x2, y2), size)
    assert box is not None
    return size, box


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_box_comes_back_within_half_a_step(name: str, data: st.DataObject) -> None:
    size, box = data.draw(cases(name))
    codec = CODECS[name]
    found, mended = boxes_of(name, codec.render([box], size), size)
    assert len(found) == 1 and not mended
    frame, steps = codec.frame(size), codec.steps(size)
    count = (steps[0] + 1, steps[1] + 1) if isinstance(codec, MairaBins) else steps
    half = (frame.width / count[0] / 2, frame.height / count[1] / 2)
    if name in ("qwen3_1000", "medgemma_yx") and max(size) <= 1000:
        assert max(half) <= 0.5
    for k, (value, back) in enumerate(zip((box.x1, box.y1, box.x2, box.y2), found[0], strict=True)):
        assert abs(value - back) * size[k % 2] <= half[k % 2] * (1 + 1e-6)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_what_lies_on_the_grid_comes_back_exactly(name: str, data: st.DataObject) -> None:
    size, box = data.draw(cases(name))
    codec = CODECS[name]
    text = codec.render([box], size)
    parts, _ = codec.parse(text, size)
    on_grid = parts[0]
    assert not isinstance(on_grid, str)
    assert codec.render(on_grid, size) == text
    assert codec.parse(codec.render(on_grid, size), size)[0] == parts


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(alphabet='<|box/>[](){},.:0123456789xy "_2d`js\n', max_size=200))
def test_nothing_makes_reading_fail(name: str, text: str) -> None:
    parts, _ = CODECS[name].parse(text, (640, 480))
    assert all(isinstance(part, str) or len(part) >= 1 for part in parts)


@pytest.mark.parametrize("name", NAMES)
def test_a_long_reply_takes_no_long_time(name: str) -> None:
    for piece in ("[", "{", "(1,", "<box>", '{"bbox_2d": [', "1," * 4, "<|box|> (", " ", "```json"):
        began = time.process_time()
        CODECS[name].parse(piece * 20_000, SQUARE)
        assert time.process_time() - began < 5


@pytest.mark.parametrize("name", NAMES)
def test_text_around_boxes_stays_and_neighbours_are_one_part(name: str) -> None:
    codec = CODECS[name]
    one, two = Box(0.25, 0.25, 0.5, 0.5), Box(0.5, 0.25, 0.75, 0.75)
    text = f"The lesions are at {codec.render([one, two], SQUARE)}, not elsewhere."
    parts, mended = codec.parse(text, SQUARE)
    assert len(parts) == 3 and not mended
    assert str(parts[0]).strip() == "The lesions are at" and parts[2] == ", not elsewhere."
    assert len(parts[1]) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_box_of_no_size_to_speak_of_stays_a_box(name: str) -> None:
    speck = Box(0.5, 0.5, 0.5001, 0.5001)
    found, _ = boxes_of(name, CODECS[name].render([speck], WIDE), WIDE)
    assert len(found) == 1
    assert found[0][0] <= 0.51 and found[0][2] >= 0.49


def test_what_a_crop_cuts_off_is_not_written() -> None:
    codec = CODECS["maira_bins"]
    assert codec.render([Box(0, 0.2, 0.2, 0.5)], WIDE) == ""
    left = Box(0, 0.2, 0.5, 0.5)
    found, _ = boxes_of("maira_bins", codec.render([left], WIDE), WIDE)
    assert found[0][0] == pytest.approx(0.25, abs=0.005)


def test_names_in_a_list_stand_before_their_boxes() -> None:
    listed = [
        {"bbox_2d": [100, 200, 300, 400], "label": "nodule"},
        {"bbox_2d": [500, 200, 700, 400], "label": "nodule"},
        {"bbox_2d": [100, 500, 300, 600], "label": "effusion"},
    ]
    text = f"```json\n{json.dumps(listed, indent=1)}\n```"
    parts, mended = CODECS["qwen3_1000"].parse(text, WIDE)
    assert not mended and [len(part) for part in parts[1::2]] == [2, 1]
    assert "nodule" in parts[0] and "effusion" in parts[2] and len(parts) == 4


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("qwen3_1000", "[120, 300, 550, 800]", (0.12, 0.3, 0.55, 0.8)),
        ("qwen3_1000", '{"bbox_2d": [550, 300, 120, 800]}', (0.12, 0.3, 0.55, 0.8)),
        ("qwen3_1000", "<|box_start|>(120,300),(550,800)<|box_end|>", (0.12, 0.3, 0.55, 0.8)),
        ("medgemma_yx", "[300, 120, 800, 550]", (0.12, 0.3, 0.55, 0.8)),
        ("chexagent_100", "<|box|> (55,30),(12,80) <|/box|>", (0.12, 0.3, 0.55, 0.8)),
    ],
)
def test_other_spellings_are_mended_and_said_so(
    name: str, text: str, expected: tuple[float, ...]
) -> None:
    found, mended = boxes_of(name, text, SQUARE)
    assert found == [pytest.approx(expected)] and mended


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("qwen3_1000", '{"bbox_2d": [0.12, 0.30, 0.55, 0.80]}'),
        ("qwen3_1000", '{"bbox_2d": [120, 300, 5500, 800]}'),
        ("qwen25_pixels", '{"bbox_2d": [120, 300, 2500, 800]}'),
        ("chexagent_100", "<|box|> (12,30),(155,80) <|/box|>"),
        ("maira_bins", "<box><x55><y45><x100><y56></box>"),
        ("medgemma_yx", '{"box_2d": [300, 550, 300, 800]}'),
    ],
)
def test_what_is_no_box_stays_text(name: str, text: str) -> None:
    parts, mended = CODECS[name].parse(text, SQUARE)
    assert parts == (text,) and mended
