"""Prompts and pixels of every family against its processor in transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from transformers.utils import is_torchvision_available

from radvlm.models.batches import IGNORED
from radvlm.models.local import LocalModel
from radvlm.models.tiny_families import tiny_gemma3
from radvlm.protocols import Chat
from radvlm.records import Box, Turn
from tiny_models import MIXED, chat, picture, stock_inputs, tiny


@pytest.mark.parametrize("k", range(4))
def test_ids_and_pixels_equal_the_library_s_own(local: LocalModel, k: int) -> None:
    item = local.encode(MIXED[k], open_reply=True)
    stock = stock_inputs(local, MIXED[k])
    assert list(item.tokens.ids) == stock["input_ids"][0].tolist()
    batch = local.collate([item], left=True)
    for name in ("pixel_values", "image_sizes", "image_grid_thw"):
        assert (name in batch) == (name in stock)
        if name in batch:
            assert torch.equal(batch[name], stock[name])


@pytest.mark.parametrize("size", [(28, 28), (40, 30), (30, 95), (64, 20), (100, 101)])
def test_image_tokens_equal_the_features_the_network_makes(
    local: LocalModel, size: tuple[int, int]
) -> None:
    item = local.encode(chat(picture(*size), "Where?"), open_reply=True)
    with torch.inference_mode():
        features = local.look(local.image_inputs([item]))
    made = features[0].flatten(0, -2).shape[0]
    assert sum(i == local.image_token_id for i in item.tokens.ids) == made > 0


@pytest.mark.skipif(not is_torchvision_available(), reason="torchvision is not installed")
def test_pixels_are_near_those_of_the_torchvision_processor(
    local: LocalModel, tmp_path: Path
) -> None:
    ours = local.processor.image_processor
    ours.save_pretrained(tmp_path)
    stock = getattr(transformers, type(ours).__name__.removesuffix("Pil"))
    theirs = stock.from_pretrained(tmp_path)
    for image in (picture(80, 60), picture(50, 90)):
        made = theirs(images=[np.repeat(image[..., None], 3, 2)], return_tensors="pt")
        pixels = local.prepare(image).pixels
        assert (pixels - made["pixel_values"].reshape(pixels.shape)).abs().max() < 0.02


def test_training_and_inference_see_the_same_prompt(local: LocalModel) -> None:
    asked = chat(picture(30, 30), "Where is the carina?", "Yes.", "No pneumothorax?")
    told = Chat(asked.images, (*asked.turns, Turn("assistant", ("No.",))))
    prompt = local.encode(asked, open_reply=True).tokens.ids
    whole = local.encode(told, open_reply=False).tokens
    assert whole.ids[: len(prompt)] == prompt
    assert whole.learn[len(prompt)] and not any(whole.learn[len(prompt) - 3 : len(prompt)])


def test_exactly_the_assistant_s_words_are_learned(local: LocalModel) -> None:
    said = chat(picture(30, 30), "Where is the carina?", "Yes.", "And?", "No.")
    batch = local.collate([local.encode(said, open_reply=False)], left=False)
    kept = batch["labels"][batch["labels"] != IGNORED]
    end = local.processor.tokenizer.convert_ids_to_tokens(local.ends[0])
    assert local.processor.tokenizer.decode(kept) == f"Yes.{end}No.{end}"


def test_text_cannot_smuggle_in_an_image_or_a_turn(local: LocalModel) -> None:
    tokens = list(local.processor.tokenizer.get_added_vocab())
    plain = local.encode(chat(picture(30, 30), "hello"), open_reply=True).tokens.ids
    hostile = "hello" + "".join(tokens) + "Yes."
    found = local.encode(chat(picture(30, 30), hostile), open_reply=True).tokens.ids
    for token in local.processor.tokenizer.convert_tokens_to_ids(tokens):
        assert found.count(token) == plain.count(token)


def test_a_box_is_shown_to_the_model_in_its_codec(local: LocalModel) -> None:
    turn = Turn("user", ("What is at ", (Box(0.1, 0.2, 0.3, 0.4),), "?"))
    ids = local.encode(Chat((picture(30, 30),), (turn,)), open_reply=True).tokens.ids
    assert "What is at [0.10, 0.20, 0.30, 0.40]?" in local.processor.tokenizer.decode(ids)


def test_a_system_turn_of_the_card_is_in_the_prompt(local: LocalModel) -> None:
    asked = chat(picture(30, 30), "Where?")
    card = local.card.model_copy(update={"system": "Be kind."})
    kind = type(local)(local.network, local.processor, card, "r")
    ids = kind.encode(asked, open_reply=True).tokens.ids
    assert "Be kind." in local.processor.tokenizer.decode(ids)


def test_paragraphs_are_not_broken_up() -> None:
    """Blank runs are tokens of Gemma's vocabulary; paragraphs are not to be broken up for them."""
    gemma = tiny("gemma3")
    gemma.processor.tokenizer.add_tokens(["\n\n"])
    again = type(gemma)(gemma.network, gemma.processor, gemma.card, "r")
    ids = again.encode(chat((), "One.\n\nTwo."), open_reply=True).tokens.ids
    assert "One.\n\nTwo." in gemma.processor.tokenizer.decode(ids)


def test_medgemma_s_boxes_count_over_a_square_with_black_borders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from radvlm.codecs import CODECS
    from radvlm.native_codecs import MedgemmaYx

    monkeypatch.setitem(CODECS, "medgemma_yx", MedgemmaYx())
    plain = tiny("gemma3")
    card = plain.card.model_copy(update={"codec": "medgemma_yx"})
    padded = type(plain)(plain.network, plain.processor, card, "r")
    tall = np.full((64, 32), 255, dtype=np.uint8)
    shown = padded.prepare(tall)
    columns = shown.pixels[0, 0].mean(0)
    assert shown.size == (64, 32) and columns.tolist() == pytest.approx(
        [-1.0] * 7 + columns[7:9].tolist() + [1.0] * 14 + columns[23:25].tolist() + [-1.0] * 7
    )
    assert plain.prepare(tall).pixels.min() == pytest.approx(1.0)


def test_extra_crops_are_never_made() -> None:
    gemma = tiny_gemma3(["Where?"], tiny("gemma3").card)
    gemma.processor.image_processor.do_pan_and_scan = True
    gemma.processor.image_processor.pan_and_scan_min_crop_size = 8
    assert gemma.prepare(picture(30, 200)).pixels.shape == (1, 3, 32, 32)
