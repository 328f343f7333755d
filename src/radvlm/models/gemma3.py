"""Gemma-3 and MedGemma (Gemma team 2025; Sellergren et al. 2025), through transformers' own class.

An image is squeezed to one square of always the same number of tokens, which see each other in both
directions; every image is one block. With the codec ``medgemma_yx`` it first gets the black borders
that make it square, because the boxes count over those. Pan and scan (extra crops of long images)
is not used. Layers with a sliding window forget: once a conversation is longer than the window, its
next turn begins anew, though the image is still computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Gemma3ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.gemma3.processing_gemma3 import Gemma3Processor

from radvlm.frames import padded_square
from radvlm.models.backbone import Features, as_rgb
from radvlm.models.batches import Encoded, Shown, additive, block_positions, may_see
from radvlm.models.card import Card
from radvlm.models.local import LocalModel
from radvlm.models.packed_attention import marks
from radvlm.native_codecs import MedgemmaYx
from radvlm.protocols import Pixels


class Gemma3(LocalModel):
    """A Gemma-3 or MedGemma checkpoint with a vision tower (4B, 12B, 27B)."""

    network_class = Gemma3ForConditionalGeneration
    native_codec = "medgemma_yx"
    vision_prefix = "model.vision_tower."
    projector_prefixes = ("model.multi_modal_projector.",)
    decoder_layers = ("Gemma3DecoderLayer", "SiglipEncoderLayer")

    def __init__(self, network: Any, processor: Any, card: Card, revision: str) -> None:
        super().__init__(network, processor, card, revision)
        end_of_turn = processor.tokenizer.convert_tokens_to_ids("<end_of_turn>")
        self.ends = (end_of_turn, *self.ends)

    @classmethod
    def load_processor(cls, folder: Path) -> Any:
        """The processor saved in a folder, on Pillow."""
        processor = Gemma3Processor.from_pretrained(folder)
        if not isinstance(processor.image_processor, Gemma3ImageProcessorPil):
            processor.image_processor = Gemma3ImageProcessorPil.from_pretrained(folder)
        return processor

    @property
    def image_token_id(self) -> int:
        """The soft token; the processor's own "image token" is the one that opens an image."""
        return int(self.processor.tokenizer.image_token_id)

    def prepare(self, pixels: Pixels, alone: bool = True) -> Shown:
        """An image as one square, float32 [1, 3, s, s]."""
        size = pixels.shape[0], pixels.shape[1]
        if isinstance(self.codec, MedgemmaYx):
            pixels = pad_to_square(pixels)
        images = self.processor.image_processor
        made = images([as_rgb(pixels)], do_pan_and_scan=False, return_tensors="pt")
        return Shown(made["pixel_values"][:1], size)

    def sized(self, size: tuple[int, int]) -> Shown:
        """An image on the ``meta`` device, the square it becomes."""
        side = self.processor.image_processor.size["height"]
        return Shown(torch.empty((1, 3, side, side), device="meta"), size)

    def image_texts(self, images: Sequence[Shown]) -> list[str]:
        """Opening, soft tokens and end; as many for every image."""
        return [self.processor.full_image_sequence] * len(images)

    def image_inputs(self, items: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """``pixel_values`` [images, 3, s, s]."""
        images = [image.pixels for item in items for image in item.images]
        return {"pixel_values": torch.cat(images)}

    def look(self, inputs: dict[str, torch.Tensor]) -> Features:
        """The soft tokens' features, [images, tokens, width]."""
        return (self.network.get_image_features(**inputs, return_dict=True).pooler_output,)

    def seen(self, features: Sequence[Features]) -> Any:
        """Features of some chats as the network takes them in place of pixels."""
        return BaseModelOutputWithPooling(pooler_output=torch.cat([kept[0] for kept in features]))

    def extra_inputs(self, items: Sequence[Encoded], length: int, left: bool) -> dict[str, Any]:
        """Which tokens are an image's; for rows that hold several chats, positions and masks."""
        kinds = torch.zeros(len(items), length, dtype=torch.long)
        for k, item in enumerate(items):
            image = torch.tensor(item.tokens.ids).eq(self.image_token_id).long()
            n = len(image)
            kinds[k, slice(length - n, None) if left else slice(n)] = image
        rows = [item.tokens for item in items]
        if not self.packs and not any(row.blocks for row in rows):
            return {"token_type_ids": kinds}
        places = block_positions(rows, length)
        if self.packs:
            marked = marks(rows[0], image_runs(kinds)[0].tolist())
            layers = dict.fromkeys(("full_attention", "sliding_attention"), marked)
            return {"position_ids": places, "attention_mask": layers}
        window = self.network.config.text_config.sliding_window
        device = self.network.device
        full = may_see(rows, length, device) | same_image(kinds.to(device))
        near = (places[:, None, :] > places[:, :, None] - window).to(device)
        dtype = self.network.dtype
        masks = {"full_attention": full, "sliding_attention": full & near}
        return {
            "position_ids": places,
            "attention_mask": {name: additive(mask, dtype) for name, mask in masks.items()},
        }


def image_runs(kinds: torch.Tensor) -> torch.Tensor:
    """For each token the number of its run of image tokens in the row, 0 for none, int64 [b, n]."""
    begins = kinds.diff(dim=1, prepend=torch.zeros_like(kinds[:, :1])).eq(1)
    return begins.cumsum(1) * kinds


def same_image(kinds: torch.Tensor) -> torch.Tensor:
    """Whether two tokens belong to the same run of image tokens, bool [b, n, n]."""
    run = image_runs(kinds)
    return run[:, :, None].eq(run[:, None, :]) & kinds.bool()[:, :, None]


def pad_to_square(pixels: Pixels) -> Pixels:
    """The image with black borders on both sides, uint8 [s, s]; see ``frames.padded_square``."""
    height, width = pixels.shape
    frame = padded_square((width, height))
    square = np.zeros((int(frame.height), int(frame.width)), dtype=np.uint8)
    top, left = -int(frame.top), -int(frame.left)
    square[top : top + height, left : left + width] = pixels
    return square
