"""Untrained networks of every family held to a form: whatever they would say, it parses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radvlm import constraints
from radvlm.codecs import CODECS
from radvlm.models.local import LocalModel
from radvlm.protocols import Decoding
from radvlm.vocabulary import CHEXPERT_13
from tiny_models import MIXED

CODEC = CODECS["radvlm_01"]
BOXES = Decoding(max_tokens=160, constraint=constraints.boxes(CODEC, most=2))


def test_boxes_parse_in_a_batch_and_alone(local: LocalModel) -> None:
    together = dict(local.answer(MIXED, BOXES))
    for k, chat in enumerate(MIXED):
        parts, mended = CODEC.parse(together[k].text, (100, 100))
        assert together[k].finish == "stop" and not mended
        assert all(isinstance(part, tuple) for part in parts)
        assert next(local.answer([chat], BOXES))[1].text == together[k].text


@pytest.mark.parametrize("seed", range(3))
def test_sampled_lists_parse(local: LocalModel, seed: int) -> None:
    form = constraints.label_list(CHEXPERT_13)
    decoding = Decoding(max_tokens=200, temperature=1.5, seed=seed, constraint=form)
    for _, reply in local.answer(MIXED, decoding):
        assert constraints.Matcher(form).is_whole(reply.text)


def test_a_stream_is_held_too(local: LocalModel) -> None:
    said = "".join(local.stream(MIXED[0], BOXES)).strip()
    assert said == next(local.answer([MIXED[0]], BOXES))[1].text


def test_what_is_heard_is_the_network_s_own_probability(local: LocalModel) -> None:
    reply = next(local.answer([MIXED[0]], replace(BOXES, logprobs=True)))[1]
    assert reply.token_logprobs is not None
    # The form forces characters an untrained network finds unlikely.
    assert min(reply.token_logprobs) < -1 and all(p > float("-inf") for p in reply.token_logprobs)
