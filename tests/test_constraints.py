"""What a form allows, and that replies held to it always parse."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radvlm import constraints
from radvlm.codecs import CODECS
from radvlm.constraints import Matcher
from radvlm.errors import InputError
from radvlm.protocols import Constraint
from radvlm.records import Box
from radvlm.tasks.labels import read_labels
from radvlm.vocabulary import CHEXPERT_13

HELD = ["radvlm_01", "chexagent_100", "qwen3_1000", "medgemma_yx"]
ALPHABET = sorted(set('0123456789.,[]{}()<>|/ "_:abdnox2' + "".join(CHEXPERT_13) + "psyrtuNF"))
SIZE = (1000, 1000)
"""Square: a box in the border that pads an image to a square is none (medgemma_yx)."""


def walk(form: Constraint, seed: int, most: int = 2000) -> str:
    """A reply written character by character at random, each allowed, until nothing may follow."""
    rng, matcher, text = random.Random(seed), Matcher(form), ""
    for _ in range(most):
        choices = [c for c in ALPHABET if matcher.may_begin(text + c)]
        if matcher.is_whole(text) and (not choices or rng.random() < 0.3):
            return text
        assert choices, f"a dead end after {text!r}"
        text += rng.choice(choices)
    raise AssertionError("no end")


@pytest.mark.parametrize("name", HELD)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=60)
def test_boxes_always_parse_and_never_lead_into_a_dead_end(name: str, seed: int) -> None:
    codec = CODECS[name]
    text = walk(constraints.boxes(codec, most=3), seed)
    parts, mended = codec.parse(text, SIZE)
    found = [box for part in parts if isinstance(part, tuple) for box in part]
    assert 1 <= len(found) <= 3 and not mended
    assert "".join(p for p in parts if isinstance(p, str)).strip(" ,and") == ""


@pytest.mark.parametrize("name", HELD)
@given(
    corners=st.lists(st.floats(0, 0.7), min_size=2, max_size=2),
    sides=st.lists(st.floats(0.02, 0.3), min_size=2, max_size=2),
    count=st.integers(1, 4),
)
@settings(max_examples=40)
def test_what_a_codec_writes_is_allowed_at_every_step(
    name: str, corners: list[float], sides: list[float], count: int
) -> None:
    (x, y), (w, h) = corners, sides
    text = CODECS[name].render([Box(x, y, x + w, y + h)] * count, (1000, 1000))
    matcher = Matcher(constraints.boxes(CODECS[name]))
    assert all(matcher.may_begin(text[:k]) for k in range(len(text)))
    assert matcher.is_whole(text)


@pytest.mark.parametrize(
    ("beginning", "allowed"),
    [
        ("[0.99, 0.10, 1", True),
        ("[1.", False),
        ("[1.00", False),
        ("[0.53, 0.10, 0.5", True),
        ("[0.53, 0.10, 0.53", False),
        ("[0.53, 0.10, 0.54", True),
        ("[0.60, 0.10, 0.5", False),
    ],
)
def test_corners_stay_in_order(beginning: str, allowed: bool) -> None:
    assert Matcher(constraints.boxes(CODECS["radvlm_01"])).may_begin(beginning) is allowed


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_label_lists_are_read_as_they_stand(seed: int) -> None:
    text = walk(constraints.label_list(CHEXPERT_13), seed)
    named = [] if text == "No Finding" else text.split(", ")
    assert len(named) == len(set(named)) and set(named) <= set(CHEXPERT_13)
    heard = read_labels(text, CHEXPERT_13, broaden=False)
    assert {name for name, status in heard.items() if status == "present"} == set(named)


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_findings_are_json_with_boxes_that_are_boxes(seed: int) -> None:
    text = walk(constraints.findings_json(CHEXPERT_13[:3], most=2), seed)
    for finding in json.loads(text):
        assert finding["name"] in CHEXPERT_13
        assert finding["status"] in ("present", "absent", "uncertain")
        for corners in finding["boxes"]:
            Box(*corners)  # raises where it has no area


def test_one_of_some_texts() -> None:
    matcher = Matcher(constraints.one_of(["yes.", "no (none)."]))
    assert matcher.is_whole("no (none).") and matcher.may_begin("ye")
    assert not matcher.may_begin("maybe") and not matcher.is_whole("yes")


def test_what_cannot_be_held_says_so() -> None:
    with pytest.raises(InputError, match="qwen25_pixels"):
        constraints.boxes(CODECS["qwen25_pixels"])
    with pytest.raises(InputError, match="no regular expression"):
        Matcher(Constraint("(unclosed"))
