"""LLaVA-OneVision (Li et al. 2024), RadVLM's architecture, through transformers' own class.

A checkpoint folder in Hugging Face layout with ``radvlm.json`` → a ``Model``: 0.5B, 7B, RadVLM's
weights. One image is cut into tiles (any-resolution); of several each is one tile,
square with borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import LlavaOnevisionForConditionalGeneration
from transformers.image_processing_utils import select_best_resolution

from radvlm.models.backbone import as_rgb
from radvlm.models.batches import IGNORED, Encoded, Shown
from radvlm.models.card import Card
from radvlm.models.llava_processor import load_processor
from radvlm.models.local import LocalModel
from radvlm.protocols import Pixels

__all__ = ["IGNORED", "Encoded", "LlavaOnevision"]


class LlavaOnevision(LocalModel):
    """A LLaVA-OneVision checkpoint."""

    network_class = LlavaOnevisionForConditionalGeneration
    native_codec = "radvlm_01"
    vision_prefix = "model.vision_tower."
    projector_prefixes = ("model.multi_modal_projector.", "model.image_newline")
    decoder_layers = ("Qwen2DecoderLayer", "SiglipEncoderLayer")

    def __init__(self, network: Any, processor: Any, card: Card, revision: str) -> None:
        super().__init__(network, processor, card, revision)
        self._counts: dict[tuple[int, int], int] = {}

    @classmethod
    def load_processor(cls, folder: Path) -> Any:
        """The processor without its video part, on Pillow."""
        return load_processor(folder)

    def prepare(self, pixels: Pixels, alone: bool = True) -> Shown:
        """An image as tiles, float32 [tiles, 3, s, s]; not alone, as one tile with borders."""
        image = as_rgb(pixels)
        # The processor tells the two apart by the company an image is handed over in.
        images = [image] if alone else [[image, image[:1, :1]]]
        made = self.processor.image_processor(images=images, return_tensors="pt")
        return Shown(made["pixel_values"][0], (pixels.shape[0], pixels.shape[1]))

    def sized(self, size: tuple[int, int]) -> Shown:
        """One image of that (height, width) as tiles on the ``meta`` device."""
        images = self.processor.image_processor
        side = images.size["height"]
        tall, wide = select_best_resolution(size, images.image_grid_pinpoints)
        tiles = 1 + (tall // side) * (wide // side)
        return Shown(torch.empty((tiles, 3, side, side), device="meta"), size)

    def image_texts(self, images: Sequence[Shown]) -> list[str]:
        """The image token, as often as the network makes features of each image."""
        token: str = self.processor.image_token
        if len(images) > 1:
            return [token * (self.processor.num_image_tokens + 1)] * len(images)
        return [token * self._count(image.size) for image in images]

    def image_inputs(self, items: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """``pixel_values`` [images, tiles, 3, s, s], sizes (height, width), images a chat."""
        images = [image for item in items for image in item.images]
        return {
            "pixel_values": pad_sequence([image.pixels for image in images], True),
            "image_sizes": torch.tensor([image.size for image in images]),
            "batch_num_images": torch.tensor([len(i.images) for i in items if i.images]),
        }

    def _count(self, size: tuple[int, int]) -> int:
        if size not in self._counts:
            counted = self.processor._get_num_multimodal_tokens(image_sizes=[size])
            self._counts[size] = counted["num_image_tokens"][0]
        return self._counts[size]
