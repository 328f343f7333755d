"""Untrained networks of the published sizes, to reckon with and to time before weights are there.

On the ``meta`` device they take no memory. Sizes and image rules are those of the published
configurations; the tokenizer is a stand-in made of the data's own texts, so that counts of text
tokens are near the real ones and those of images are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.gemma3.processing_gemma3 import Gemma3Processor
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from radvlm.models.card import Card
from radvlm.models.gemma3 import Gemma3
from radvlm.models.llava_onevision import LlavaOnevision
from radvlm.models.llava_processor import ImageTextProcessor
from radvlm.models.local import LocalModel
from radvlm.models.qwen3_vl import Qwen3VL, Qwen3VLProcessor
from radvlm.models.tiny import CHAT_TEMPLATE, train_tokenizer
from radvlm.models.tiny_families import (
    GEMMA_TEMPLATE,
    QWEN_TEMPLATE,
    gemma_tokenizer,
    qwen_ids,
    qwen_tokenizer,
)

_STAND_IN = 4000
"""Pieces of the stand-in tokenizer; reports are written in few words."""

_SO400M = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_attention_heads": 16,
    "patch_size": 14,
    "vision_use_head": False,
}
"""SigLIP so400m (Zhai et al. 2023), the tower of LLaVA-OneVision and of MedGemma."""


def _qwen2(hidden: int, layers: int, heads: int, kv: int, mlp: int, vocabulary: int) -> Any:
    return {
        "model_type": "qwen2",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "intermediate_size": mlp,
        "vocab_size": vocabulary,
        "max_position_embeddings": 32768,
    }


def _llava(text: dict[str, Any], tied: bool) -> Callable[..., LocalModel]:
    def made(texts: Iterable[str], card: Card, device: str) -> LocalModel:
        tokenizer = train_tokenizer(texts, _STAND_IN)
        sides = range(384, 2305, 384)
        config = LlavaOnevisionConfig(
            vision_config={
                "model_type": "siglip_vision_model",
                "image_size": 384,
                "num_hidden_layers": 26,
                **_SO400M,
            },
            text_config=text | {"tie_word_embeddings": tied},
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
            image_grid_pinpoints=[[y, x] for y in sides for x in sides],
            tie_word_embeddings=tied,
        )
        images = LlavaOnevisionImageProcessorPil(
            size={"height": 384, "width": 384}, image_grid_pinpoints=config.image_grid_pinpoints
        )
        processor = ImageTextProcessor(
            images, tokenizer, num_image_tokens=27 * 27, chat_template=CHAT_TEMPLATE
        )
        network = _network(LlavaOnevisionForConditionalGeneration, config, device)
        return LlavaOnevision(network, processor, card, "untrained")

    return made


def _qwen3_vl_8b(texts: Iterable[str], card: Card, device: str) -> LocalModel:
    tokenizer = qwen_tokenizer(texts)
    text = _qwen2(4096, 36, 32, 8, 12288, 151936) | {"head_dim": 128, "model_type": "qwen3_vl_text"}
    vision = {
        "depth": 27,
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_heads": 16,
        "patch_size": 16,
        "out_hidden_size": 4096,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [8, 16, 24],
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=False,
        **qwen_ids(tokenizer),
    )
    images = Qwen2VLImageProcessorPil(
        patch_size=16,
        size={"shortest_edge": 256 * 256, "longest_edge": 4096 * 4096},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    processor = Qwen3VLProcessor(images, tokenizer, chat_template=QWEN_TEMPLATE)
    network = _network(Qwen3VLForConditionalGeneration, config, device)
    return Qwen3VL(network, processor, card, "untrained")


def _medgemma_4b(texts: Iterable[str], card: Card, device: str) -> LocalModel:
    tokenizer = gemma_tokenizer(texts)
    text = _qwen2(2560, 34, 8, 4, 10240, 262208) | {
        "model_type": "gemma3_text",
        "head_dim": 256,
        "sliding_window": 1024,
    }
    config = Gemma3Config(
        text_config=text,
        vision_config={
            "model_type": "siglip_vision_model",
            "image_size": 896,
            "num_hidden_layers": 27,
            **_SO400M,
        },
        mm_tokens_per_image=256,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
        tie_word_embeddings=True,
    )
    images = Gemma3ImageProcessorPil(size={"height": 896, "width": 896})
    processor = Gemma3Processor(
        images, tokenizer, chat_template=GEMMA_TEMPLATE, image_seq_length=256
    )
    network = _network(Gemma3ForConditionalGeneration, config, device)
    return Gemma3(network, processor, card, "untrained")


def _network(kind: Any, config: Any, device: str) -> Any:
    with torch.device(device):
        return kind(config)


SHAPES: dict[str, Callable[..., LocalModel]] = {
    "llava_onevision_0.5b": _llava(_qwen2(896, 24, 14, 2, 4864, 152000), tied=True),
    "llava_onevision_7b": _llava(_qwen2(3584, 28, 28, 4, 18944, 152128), tied=False),
    "qwen3_vl_8b": _qwen3_vl_8b,
    "medgemma_4b": _medgemma_4b,
}


def shaped(name: str, texts: Iterable[str], card: Card, device: str = "meta") -> LocalModel:
    """An untrained model of a published size; ``name`` is one of ``SHAPES``."""
    return SHAPES[name](texts, card, device)
