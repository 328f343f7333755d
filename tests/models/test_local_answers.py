"""Answers of every family against transformers' own processor and ``generate``, one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from radvlm.models.local import LocalModel
from radvlm.protocols import Chat, Decoding, Model
from radvlm.records import Turn
from tiny_models import MIXED, chat, picture, stock_inputs

GREEDY = Decoding(max_tokens=12, logprobs=True)


def test_it_is_a_model(local: LocalModel) -> None:
    assert isinstance(local, Model) and local.info.family == local.card.family


@pytest.mark.parametrize("k", range(3))
def test_a_reply_is_what_plain_transformers_writes(local: LocalModel, k: int) -> None:
    inputs = stock_inputs(local, MIXED[k])
    written = local.network.generate(
        **inputs,
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=list(local.ends),
        pad_token_id=local.processor.tokenizer.pad_token_id,
    )
    ids = written[0, inputs["input_ids"].shape[1] :]
    expected = local.processor.tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert next(local.answer([MIXED[k]], GREEDY))[1].text == expected != ""


def test_a_batch_answers_as_each_alone(local: LocalModel) -> None:
    together = dict(local.answer(MIXED, GREEDY))
    assert len({reply.text for reply in together.values()}) > 1
    for k, asked in enumerate(MIXED):
        alone = next(local.answer([asked], GREEDY))[1]
        assert alone.text == together[k].text and alone.token_logprobs is not None
        assert alone.token_logprobs == pytest.approx(together[k].token_logprobs, abs=1e-4)


def test_padding_stands_on_the_left_and_is_not_seen(local: LocalModel) -> None:
    items = [local.encode(asked, open_reply=True) for asked in MIXED]
    batch = local.collate(items, left=True)
    assert len({len(item.tokens.ids) for item in items}) >= 3
    for row, mask, item in zip(batch["input_ids"], batch["attention_mask"], items, strict=True):
        n = len(item.tokens.ids)
        assert row[-n:].tolist() == list(item.tokens.ids)
        assert mask.tolist() == [0] * (len(row) - n) + [1] * n


def test_two_images_are_read_as_transformers_reads_them(local: LocalModel) -> None:
    asked = chat((picture(40, 60, 5), picture(70, 50, 6)), "Where is the carina?")
    inputs = stock_inputs(local, asked)
    item = local.encode(asked, open_reply=True)
    assert list(item.tokens.ids) == inputs["input_ids"][0].tolist()
    batch = local.collate([item], left=True)
    batch.pop("labels")
    with torch.inference_mode():
        expected = local.network(**inputs).logits
        assert torch.allclose(local.network(**batch).logits, expected, atol=1e-4)
        swapped = Chat(asked.images[::-1], asked.turns)
        other = local.collate([local.encode(swapped, open_reply=True)], left=True)
        other.pop("labels")
        assert not torch.allclose(local.network(**other).logits[:, -1], expected[:, -1], atol=1e-3)
    texts = [r.text for _, r in local.answer([MIXED[0], asked], GREEDY)]
    assert texts[1] == next(local.answer([asked], GREEDY))[1].text


def test_the_image_decides_what_is_written(local: LocalModel) -> None:
    asked = [chat(picture(60, 60, seed), "Where is the carina?") for seed in range(2)]
    scores = local.logprobs(asked, ["Yes.", "Yes."])
    assert scores[0] != pytest.approx(scores[1], abs=1e-3)


def test_token_logprobs_are_those_the_network_gives_the_reply(local: LocalModel) -> None:
    replies = dict(local.answer(MIXED, GREEDY))
    for k, asked in enumerate(MIXED):
        prompt = local.encode(asked, open_reply=True)
        batch = local.collate([prompt], left=True)
        batch.pop("labels")
        with torch.inference_mode():
            first = local.network(**batch).logits[0, -1].log_softmax(-1).max().item()
        said = replies[k].token_logprobs
        assert said is not None and len(said) == replies[k].tokens
        assert said[0] == pytest.approx(first, abs=1e-4) and max(said) <= 0
    plain = next(local.answer(MIXED[:1], replace(GREEDY, logprobs=False)))[1]
    assert plain.token_logprobs is None and plain.text == replies[0].text


def test_sampled_replies_depend_on_the_seed_alone(local: LocalModel) -> None:
    hot = Decoding(max_tokens=8, temperature=1.5, n=3, seed=7)
    replies = [(k, reply.text) for k, reply in local.answer(MIXED[:2], hot)]
    assert [k for k, _ in replies] == [0, 0, 0, 1, 1, 1] and len(set(replies)) > 2
    assert replies == [(k, reply.text) for k, reply in local.answer(MIXED[:2], hot)]
    other = [(k, r.text) for k, r in local.answer(MIXED[:2], replace(hot, seed=8))]
    assert replies != other


def test_several_greedy_replies_are_one_and_the_same(local: LocalModel) -> None:
    twice = [r.text for _, r in local.answer(MIXED[:1], Decoding(max_tokens=6, n=2))]
    assert len(twice) == 2 and len(set(twice)) == 1


def test_a_stream_says_what_an_answer_says(local: LocalModel) -> None:
    for asked in MIXED:
        streamed = "".join(local.stream(asked, GREEDY)).strip()
        assert streamed == next(local.answer([asked], GREEDY))[1].text


def test_an_error_while_writing_reaches_the_reader(
    local: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(local.network, "generate", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(local.stream(MIXED[0], GREEDY))


def test_scores_of_a_batch_are_those_of_a_plain_forward_pass(local: LocalModel) -> None:
    continuations = ["No.", "Yes. The carina is at .", "Yes."]
    found = local.logprobs(MIXED[:3], continuations)
    for asked, text, scores in zip(MIXED, continuations, found, strict=False):
        inputs = stock_inputs(local, asked)
        told = Chat(asked.images, (*asked.turns, Turn("assistant", (text,))))
        ids = local.encode(told, open_reply=False).tokens.ids
        start = inputs["input_ids"].shape[1]
        row = local.encode(told, open_reply=False)
        batch = local.collate([row], left=False)
        batch.pop("labels")
        with torch.inference_mode():
            table = local.network(**batch).logits[0].log_softmax(-1)
        places = range(start, start + len(scores))
        assert ids[places[-1]] == local.ends[0]
        expected = [table[i - 1, ids[i]].item() for i in places]
        assert scores == pytest.approx(expected, abs=1e-4)
