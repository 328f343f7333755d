"""Qwen2.5-VL (Bai et al. 2025), through transformers' own class.

Its boxes count the pixels of the **resized** image (``qwen25_pixels``), so that convention is
refused where the checkpoint's processor resizes to other limits than the codec reckons with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_5_vl import processing_qwen2_5_vl as stock
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.tokenization_utils_tokenizers import PreTrainedTokenizerFast

from radvlm.errors import CheckpointError
from radvlm.models.card import Card
from radvlm.models.qwen_vl import QwenVL, load_qwen_processor
from radvlm.native_codecs import Qwen25Pixels


class Qwen2_5_VLProcessor(stock.Qwen2_5_VLProcessor):  # type: ignore[misc]  # untyped base
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


class Qwen25VL(QwenVL):
    """A Qwen2.5-VL checkpoint (3B, 7B, 32B, 72B).

    Raises:
        CheckpointError: the card says ``qwen25_pixels``, and the processor resizes otherwise.
    """

    network_class = Qwen2_5_VLForConditionalGeneration
    native_codec = "qwen25_pixels"
    decoder_layers = ("Qwen2_5_VLDecoderLayer", "Qwen2_5_VLVisionBlock")

    def __init__(self, network: Any, processor: Any, card: Card, revision: str) -> None:
        super().__init__(network, processor, card, revision)
        codec, images = self.codec, processor.image_processor
        if isinstance(codec, Qwen25Pixels):
            factor = images.patch_size * images.merge_size
            limits = images.size["shortest_edge"], images.size["longest_edge"]
            if (factor, *limits) != (codec.factor, codec.fewest, codec.most):
                raise CheckpointError(
                    f"{codec.name} counts pixels of another size than the processor resizes to",
                    f"checkpoint {card.name}",
                    f"Set its limits to {codec.fewest} and {codec.most}, or choose another codec",
                )

    @classmethod
    def load_processor(cls, folder: Path) -> Any:
        """The processor without its video part, on Pillow."""
        return load_qwen_processor(Qwen2_5_VLProcessor, folder)
