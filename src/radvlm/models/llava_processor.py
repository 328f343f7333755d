"""The LLaVA-OneVision processor for images and text alone.

The stock processor always asks for a video processor, which needs torchvision. Processors read
their parts from the signature of ``__init__``, so leaving ``video_processor`` out is enough; image
processing is the Pil one, named explicitly so that every machine computes the same pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor
from transformers.tokenization_utils_tokenizers import PreTrainedTokenizerFast


class ImageTextProcessor(LlavaOnevisionProcessor):  # type: ignore[misc]  # untyped base
    """``LlavaOnevisionProcessor`` without the video part."""

    def __init__(
        self,
        image_processor: LlavaOnevisionImageProcessorPil,
        tokenizer: PreTrainedTokenizerFast,
        num_image_tokens: int,
        vision_feature_select_strategy: str = "full",
        chat_template: str | None = None,
        image_token: str = "<image>",
        video_token: str = "<video>",
        vision_aspect_ratio: str = "anyres_max_9",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            image_processor=image_processor,
            tokenizer=tokenizer,
            video_processor=None,
            num_image_tokens=num_image_tokens,
            vision_feature_select_strategy=vision_feature_select_strategy,
            chat_template=chat_template,
            image_token=image_token,
            video_token=video_token,
            vision_aspect_ratio=vision_aspect_ratio,
            **kwargs,
        )


def load_processor(folder: Path) -> ImageTextProcessor:
    """The processor saved in a folder, by us or by the stock class."""
    processor: ImageTextProcessor = ImageTextProcessor.from_pretrained(folder)
    if not isinstance(processor.image_processor, LlavaOnevisionImageProcessorPil):
        processor.image_processor = LlavaOnevisionImageProcessorPil.from_pretrained(folder)
    return processor
