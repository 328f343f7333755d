"""Qwen3-VL (Qwen team 2025; Instruct), through transformers' own class.

Features of several depths of the vision tower enter the first layers of the language model
("DeepStack"), so an image's features are more than one tensor. The Thinking checkpoints' template
drops earlier thoughts, which ``encoding`` refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl import processing_qwen3_vl as stock
from transformers.models.qwen3_vl.modeling_qwen3_vl import BaseModelOutputWithDeepstackFeatures
from transformers.tokenization_utils_tokenizers import PreTrainedTokenizerFast

from radvlm.models.backbone import Features
from radvlm.models.qwen_vl import QwenVL, load_qwen_processor


class Qwen3VLProcessor(stock.Qwen3VLProcessor):  # type: ignore[misc]  # untyped base
    """The stock class without the video part, which needs torchvision.

    It bears the stock name because that is what a saved folder tells other software.
    """

    def __init__(
        self,
        image_processor: Qwen2VLImageProcessorPil,
        tokenizer: PreTrainedTokenizerFast,
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template, **kwargs)


class Qwen3VL(QwenVL):
    """A Qwen3-VL checkpoint."""

    network_class = Qwen3VLForConditionalGeneration
    native_codec = "qwen3_1000"
    decoder_layers = ("Qwen3VLTextDecoderLayer", "Qwen3VLVisionBlock")

    @classmethod
    def load_processor(cls, folder: Path) -> Any:
        """The processor without its video part, on Pillow."""
        return load_qwen_processor(Qwen3VLProcessor, folder)

    def look(self, inputs: dict[str, torch.Tensor]) -> Features:
        """What the language model reads, then what its first layers add, each [tokens, width]."""
        made = self.network.get_image_features(**inputs, return_dict=True)
        return tuple(torch.cat(level) for level in [made.pooler_output, *made.deepstack_features])

    def seen(self, features: Sequence[Features]) -> Any:
        """Features of some chats as the network takes them in place of pixels."""
        first, *deeper = ([*level] for level in zip(*features, strict=True))
        return BaseModelOutputWithDeepstackFeatures(pooler_output=first, deepstack_features=deeper)
