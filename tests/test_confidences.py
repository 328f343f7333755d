"""Confidences of boxes from the tokens that spell them, for every codec."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.codecs import CODECS
from radvlm.confidences import box_confidences, with_confidences
from radvlm.models.writing import token_ends
from radvlm.records import Answer, Box, Reply

RADVLM = CODECS["radvlm_01"]
SIZE = (1000, 800)
FIRST, SECOND = Box(0.1, 0.2, 0.3, 0.4), Box(0.5, 0.5, 0.9, 0.9)


def reply(pieces: list[tuple[str, float]]) -> Reply:
    """A reply of tokens with these probabilities."""
    text = "".join(piece for piece, _ in pieces)
    ends, logprobs, at = [], [], 0
    for piece, probability in pieces:
        at += len(piece)
        ends.append(at)
        logprobs.append(math.log(probability))
    return Reply(text, len(pieces), "stop", 0.0, tuple(logprobs), tuple(ends))


def test_the_geometric_mean_of_the_tokens_between_the_brackets() -> None:
    said = reply(
        [
            ("Here ", 0.01),
            ("[0.10, 0.20,", 0.5),
            (" 0.30, 0.40]", 0.125),
            (" and ", 0.01),
            ("[0.50, 0.50, 0.90, 0.90]", 0.9),
            (".", 0.01),
        ]
    )
    found = box_confidences(said, RADVLM, SIZE)
    assert [box for box, _ in found] == [FIRST, SECOND]
    assert [c for _, c in found] == pytest.approx([0.25, 0.9])  # √(0.5 × 0.125)


def test_a_token_across_the_bracket_belongs_to_the_box() -> None:
    found = box_confidences(reply([("at [0", 0.4), (".10, 0.20, 0.30, 0.40].", 0.9)]), RADVLM, SIZE)
    assert found[0][1] == pytest.approx(0.6)


def test_equal_boxes_keep_their_own() -> None:
    spelt = "[0.10, 0.20, 0.30, 0.40]"
    said = reply([(spelt, 0.5), (" nodule, ", 1.0), (spelt, 0.7)])
    answer = Answer(boxes=(("a", FIRST, None), ("b", FIRST, None)))
    boxes = with_confidences(answer, said, RADVLM, SIZE).boxes
    assert [c for _, _, c in boxes] == pytest.approx([0.5, 0.7])


def test_nothing_is_made_up_where_nothing_was_recorded() -> None:
    silent = Reply("[0.10, 0.20, 0.30, 0.40]", 1, "stop", 0.0)
    answer = Answer(boxes=(("a", FIRST, None),))
    assert with_confidences(answer, silent, RADVLM, SIZE) == answer
    assert box_confidences(silent, RADVLM, SIZE) == [(FIRST, None)]


@given(st.sampled_from(sorted(CODECS)), st.integers(1, 4), st.text(max_size=30))
def test_there_is_a_span_for_each_box_whatever_the_text(name: str, count: int, noise: str) -> None:
    codec = CODECS[name]
    text = f"{noise} {codec.render([FIRST, SECOND] * count, SIZE)} {noise}"
    parts, _ = codec.parse(text, SIZE)
    boxes = [box for part in parts if isinstance(part, tuple) for box in part]
    spans = codec.spans(text, SIZE)
    assert len(spans) == len(boxes) >= 2 * count
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


class Bytes:
    """A tokenizer of bytes, in which a character may be several tokens."""

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        return bytes(ids).decode("utf-8", "replace")


def test_token_ends_follow_the_stripped_text() -> None:
    ids = list(" aé b ".encode())
    ends = token_ends(Bytes(), ids)
    # The first byte of é shows as one replacement character; blanks at the ends are stripped.
    assert ends == (0, 1, 2, 2, 3, 4, 4)
