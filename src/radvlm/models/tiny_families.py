"""Tiny untrained models of the other families, each of the real architecture.

Made from configurations, with a tokenizer trained on the spot and the family's own processor, so
that everything peculiar to an architecture can be tried without its weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.gemma3.processing_gemma3 import Gemma3Processor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from radvlm.models.card import Card
from radvlm.models.gemma3 import Gemma3
from radvlm.models.qwen3_vl import Qwen3VL, Qwen3VLProcessor
from radvlm.models.qwen25_vl import Qwen2_5_VLProcessor, Qwen25VL

QWEN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% set first = '' %}{% if messages[0]['role'] == 'system' %}"
    "{% set first = messages[0]['content'][0]['text'] + '\n\n' %}"
    "{% set messages = messages[1:] %}{% endif %}"
    "{% for message in messages %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ first if loop.first else '' }}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<start_of_image>{% else %}{{ part['text'] | trim }}{% endif %}"
    "{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
_GEMMA_SPECIAL = (
    "<pad>",
    "<eos>",
    "<bos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
)
_WIDTH, _HEADS = 32, 2


def tiny_qwen3_vl(texts: Iterable[str], card: Card) -> Qwen3VL:
    """A Qwen3-VL of two layers a side with patches of 8 pixels, merged two by two."""
    tokenizer = qwen_tokenizer(texts)
    vision = {
        "depth": 3,
        "hidden_size": _WIDTH,
        "intermediate_size": 64,
        "num_heads": _HEADS,
        "patch_size": 8,
        "out_hidden_size": _WIDTH,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1],
    }
    architecture = Qwen3VLConfig(
        text_config=_qwen_text(tokenizer, interleaved=True) | {"head_dim": 16},
        vision_config=vision,
        tie_word_embeddings=False,
        **qwen_ids(tokenizer),
    )
    torch.manual_seed(0)
    network = Qwen3VLForConditionalGeneration(architecture)
    images = Qwen2VLImageProcessorPil(
        patch_size=8,
        size={"shortest_edge": 32 * 32, "longest_edge": 96 * 96},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    processor = Qwen3VLProcessor(images, tokenizer, chat_template=QWEN_TEMPLATE)
    return Qwen3VL(livelier(network), processor, card, revision="untrained")


def tiny_qwen25_vl(texts: Iterable[str], card: Card) -> Qwen25VL:
    """A Qwen2.5-VL with the published patches of 14 pixels, merged two by two, and size limits."""
    tokenizer = qwen_tokenizer(texts)
    vision = {
        "depth": 2,
        "hidden_size": _WIDTH,
        "intermediate_size": 64,
        "num_heads": _HEADS,
        "window_size": 56,
        "out_hidden_size": _WIDTH,
        "fullatt_block_indexes": [1],
    }
    architecture = Qwen2_5_VLConfig(
        text_config=_qwen_text(tokenizer, interleaved=False),
        vision_config=vision,
        tie_word_embeddings=False,
        **qwen_ids(tokenizer),
    )
    torch.manual_seed(0)
    network = Qwen2_5_VLForConditionalGeneration(architecture)
    images = Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 12845056})
    processor = Qwen2_5_VLProcessor(images, tokenizer, chat_template=QWEN_TEMPLATE)
    return Qwen25VL(livelier(network), processor, card, revision="untrained")


def tiny_gemma3(texts: Iterable[str], card: Card, window: int = 512) -> Gemma3:
    """A Gemma-3 with 32-pixel images of four tokens and every other layer on a sliding window."""
    tokenizer = gemma_tokenizer(texts)
    architecture = Gemma3Config(
        text_config=_gemma_text(tokenizer, window),
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": _WIDTH,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": _HEADS,
            "image_size": 32,
            "patch_size": 8,
            "vision_use_head": False,
        },
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    network = Gemma3ForConditionalGeneration(architecture)
    images = Gemma3ImageProcessorPil(size={"height": 32, "width": 32})
    processor = Gemma3Processor(images, tokenizer, chat_template=GEMMA_TEMPLATE, image_seq_length=4)
    return Gemma3(livelier(network), processor, card, revision="untrained")


def livelier(network: Any) -> Any:
    """The network with weights large enough that its replies depend on what it is shown."""
    for parameter in network.parameters():
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=1.5 * parameter[0].numel() ** -0.5)
    return network.eval()


def qwen_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer with Qwen's special tokens that knows the texts."""
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_level(texts, _QWEN_SPECIAL),
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        padding_side="left",
    )


def gemma_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer with Gemma's special tokens that knows the texts."""
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_level(texts, _GEMMA_SPECIAL),
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        padding_side="left",
        extra_special_tokens={
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
        },
    )


def byte_level(texts: Iterable[str], special: Iterable[str]) -> Tokenizer:
    """Byte-level BPE over the texts with some special tokens, the first ids being theirs."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return bpe


def _qwen_text(tokenizer: PreTrainedTokenizerFast, interleaved: bool) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": 1,
        "max_position_embeddings": 4096,
        "rope_parameters": rope | ({"mrope_interleaved": True} if interleaved else {}),
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def qwen_ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """The special tokens that a Qwen-VL configuration names."""
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    return {key: tokenizer.convert_tokens_to_ids(token) for key, token in names.items()}


def _gemma_text(tokenizer: PreTrainedTokenizerFast, window: int) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        "sliding_window": window,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
