"""Checkpoint folders: saved and loaded, read by plain transformers, public layouts, refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

from radvlm.codecs import CODECS
from radvlm.errors import CheckpointError
from radvlm.models.card import read_card, write_card
from radvlm.models.local import LocalModel
from radvlm.models.opening import open_model
from radvlm.models.qwen3_vl import Qwen3VL
from radvlm.native_codecs import NATIVE
from radvlm.protocols import Chat, Decoding
from radvlm.records import Box, Turn
from tiny_models import MIXED, picture, stock_inputs, tiny

PUBLIC_CLASSES = {
    "llava_onevision": ("LlavaOnevisionProcessor", "LlavaOnevisionImageProcessor"),
    "qwen3_vl": ("Qwen3VLProcessor", "Qwen2VLImageProcessorFast"),
    "qwen25_vl": ("Qwen2_5_VLProcessor", "Qwen2VLImageProcessor"),
    "gemma3": ("Gemma3Processor", "Gemma3ImageProcessorFast"),
}
"""What the ``processor_class`` and ``image_processor_type`` of the published folders say."""


@pytest.fixture
def folder(local: LocalModel, tmp_path: Path) -> Path:
    local.save(tmp_path / "m")
    return tmp_path / "m"


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    for codec in NATIVE:
        monkeypatch.setitem(CODECS, codec.name, codec)


def same(one: LocalModel, other: LocalModel) -> bool:
    words = ["No.", "Yes.", "Yes.", "No."]
    return one.logprobs(MIXED, words) == other.logprobs(MIXED, words)


def test_a_saved_model_loads_and_scores_the_same(local: LocalModel, folder: Path) -> None:
    again = type(local).from_folder(folder, "cpu")
    assert same(again, local) and again.card == local.card
    assert type(again.processor.image_processor).__name__.endswith("Pil")
    assert again.ends == local.ends


def test_plain_transformers_reads_the_folder(local: LocalModel, folder: Path) -> None:
    plain = AutoModelForImageTextToText.from_pretrained(folder).eval()
    batch = local.collate([local.encode(MIXED[1], open_reply=True)], left=True)
    batch.pop("labels")
    with torch.inference_mode():
        expected = plain(**stock_inputs(local, MIXED[1])).logits
        assert torch.allclose(local.network(**batch).logits, expected, atol=1e-4)


def test_a_folder_as_it_is_published_loads(local: LocalModel, folder: Path) -> None:
    """Settings of the image processor in their own file, stock and older class names."""
    processor, images = PUBLIC_CLASSES[local.card.family]
    settings = json.loads((folder / "processor_config.json").read_text())
    pixels = settings.pop("image_processor") | {"image_processor_type": images}
    settings["processor_class"] = pixels["processor_class"] = processor
    (folder / "processor_config.json").write_text(json.dumps(settings))
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    assert same(type(local).from_folder(folder, "cpu"), local)


def test_the_same_weights_speak_the_codec_that_the_card_names(tmp_path: Path, native: None) -> None:
    model = tiny("qwen3_vl")
    turn = Turn("user", ("What is at ", (Box(0.1, 0.2, 0.3, 0.4),), "?"))
    asked = Chat((picture(30, 30),), (turn,))
    prompts = {}
    for codec in ("qwen3_1000", "radvlm_01"):
        model.save(tmp_path / codec, model.card.model_copy(update={"codec": codec}))
        loaded = Qwen3VL.from_folder(tmp_path / codec, "cpu")
        ids = loaded.encode(asked, open_reply=True).tokens.ids
        prompts[codec] = loaded.processor.tokenizer.decode(ids)
        assert loaded.info.codec == loaded.codec.name == codec
        assert same(loaded, model)
    assert 'What is at {"bbox_2d": [100, 200, 300, 400]}?' in prompts["qwen3_1000"]
    assert "What is at [0.10, 0.20, 0.30, 0.40]?" in prompts["radvlm_01"]


def test_every_family_works_under_its_native_codec(local: LocalModel, native: None) -> None:
    card = local.card.model_copy(update={"codec": local.native_codec})
    native_model = type(local)(local.network, local.processor, card, "r")
    box = Box(0.25, 0.25, 0.75, 0.75)
    turn = Turn("user", ("What is at ", (box,), "?"))
    asked = Chat((picture(56, 56),), (turn,))
    item = native_model.encode(asked, open_reply=True)
    said = native_model.processor.tokenizer.decode(item.tokens.ids)
    parts, _ = native_model.codec.parse(said[said.index("What") :], (56, 56))
    assert parts[1] == (box,)
    assert next(native_model.answer([asked], Decoding(max_tokens=4)))[1].tokens > 0


def test_pixels_of_another_resize_are_refused(native: None) -> None:
    model = tiny("qwen25_vl")
    card = model.card.model_copy(update={"codec": "qwen25_pixels"})
    assert type(model)(model.network, model.processor, card, "r").codec.name == "qwen25_pixels"
    model.processor.image_processor.size = {"shortest_edge": 3136, "longest_edge": 1_003_520}
    with pytest.raises(CheckpointError, match="another size than the processor resizes to"):
        type(model)(model.network, model.processor, card, "r")


def test_llava_opens_by_the_family_its_card_names(tmp_path: Path) -> None:
    model = tiny("llava_onevision")
    model.save(tmp_path / "m")
    opened = open_model(tmp_path / "m")
    assert isinstance(opened, type(model)) and same(opened, model)


def test_a_folder_without_card_is_refused_with_the_remedy(local: LocalModel, folder: Path) -> None:
    (folder / "radvlm.json").unlink()
    with pytest.raises(CheckpointError, match=r"radvlm\.json"):
        type(local).from_folder(folder)


def test_a_card_with_an_unknown_codec_or_key_is_refused(tmp_path: Path) -> None:
    card = tiny("qwen3_vl").card
    write_card(card.model_copy(update={"codec": "none_such"}), tmp_path)
    with pytest.raises(CheckpointError, match="none_such"):
        read_card(tmp_path)
    (tmp_path / "radvlm.json").write_text('{"name": "a", "family": "b", "colour": 1}')
    with pytest.raises(CheckpointError, match="colour"):
        read_card(tmp_path)


def test_damaged_weights_are_refused_in_one_line(local: LocalModel, folder: Path) -> None:
    weights = folder / "model.safetensors"
    shutil.copy(weights, folder / "whole")
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        type(local).from_folder(folder)


def test_weights_of_another_family_are_refused(tmp_path: Path) -> None:
    gemma = tiny("gemma3")
    gemma.save(tmp_path / "m")
    with pytest.raises(CheckpointError, match=r"weights are missing.*the right family"):
        Qwen3VL.from_folder(tmp_path / "m")
