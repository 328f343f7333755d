"""What Qwen2.5-VL and Qwen3-VL share: native resolution, and positions in three directions.

An image keeps its shape: it is resized to whole patches and becomes a token for every square of
merged patches. A token's position is (time, row, column); for text the three are equal and go on
after the larger side of the image (Wang et al. 2024, "M-RoPE"). Positions are computed here, for
training and inference alike, so that no state of the network plays a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
    Qwen2VLImageProcessorPil,
    smart_resize,
)

from radvlm.models.backbone import as_rgb
from radvlm.models.batches import Encoded, Grid, Shown
from radvlm.models.encoding import Tokens
from radvlm.models.local import LocalModel
from radvlm.protocols import Pixels


class QwenVL(LocalModel):
    """A checkpoint of the Qwen-VL line; a subclass a generation."""

    vision_prefix = "model.visual."
    projector_prefixes = ("model.visual.merger.", "model.visual.deepstack_merger_list.")

    @property
    def merge(self) -> int:
        """Patches a side that become one token."""
        return int(self.processor.image_processor.merge_size)

    def prepare(self, pixels: Pixels, alone: bool = True) -> Shown:
        """An image as patches, float32 [patches, values]."""
        made = self.processor.image_processor(images=[as_rgb(pixels)], return_tensors="pt")
        time, down, across = made["image_grid_thw"][0].tolist()
        size = pixels.shape[0], pixels.shape[1]
        return Shown(made["pixel_values"], size, grid=(time, down, across))

    def sized(self, size: tuple[int, int]) -> Shown:
        """An image of that (height, width) as patches on the ``meta`` device."""
        images = self.processor.image_processor
        limits = images.size["shortest_edge"], images.size["longest_edge"]
        patch = images.patch_size
        height, width = smart_resize(*size, patch * self.merge, *limits)
        down, across = height // patch, width // patch
        values = 3 * images.temporal_patch_size * patch**2
        pixels = torch.empty((down * across, values), device="meta")
        return Shown(pixels, size, grid=(1, down, across))

    def image_texts(self, images: Sequence[Shown]) -> list[str]:
        """The image token for every square of merged patches."""
        token: str = self.processor.image_token
        squares = self.merge**2
        return [token * (down * across // squares) for _, down, across in _grids(images)]

    def image_inputs(self, items: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """``pixel_values`` [patches of all images, values] and ``image_grid_thw`` [images, 3]."""
        images = [image for item in items for image in item.images]
        return {
            "pixel_values": torch.cat([image.pixels for image in images]),
            "image_grid_thw": torch.tensor(_grids(images)),
        }

    def extra_inputs(self, items: Sequence[Encoded], length: int, left: bool) -> dict[str, Any]:
        """``position_ids`` [3, b, n]; for rows that hold several chats, the mask as well."""
        position_ids = torch.zeros(3, len(items), length, dtype=torch.long)
        for k, item in enumerate(items):
            places = torch.cat([self._positions(part) for part in item.apart], dim=1)
            n = places.shape[1]
            position_ids[:, k, slice(length - n, None) if left else slice(n)] = places
        rows = [item.tokens for item in items]
        if not self.packs and not any(row.blocks for row in rows):
            return {"position_ids": position_ids}
        return {"position_ids": position_ids, **self.mask_of(rows, length)}

    def _positions(self, item: Encoded) -> torch.Tensor:
        return positions(item.tokens, _grids(item.images), self.merge, self.image_token_id)


def positions(row: Tokens, grids: Sequence[Grid], merge: int, image_token: int) -> torch.Tensor:
    """Time, row and column of every token, int64 [3, n]; images stand before what is not shared."""
    ids, places, reached, done = row.ids, [], 0, 0
    for _, down, across in grids:
        start = ids.index(image_token, done)
        text = torch.arange(start - done) + reached
        h, w = down // merge, across // merge
        reached += start - done
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        places += [text.expand(3, -1)]
        places += [torch.stack([torch.zeros_like(rows), rows, columns]).flatten(1) + reached]
        reached += max(h, w)
        done = start + h * w
    rest = torch.tensor(row.positions or range(len(ids)))[done:] - done + reached
    return torch.cat([*places, rest.expand(3, -1)], dim=1)


def load_qwen_processor(processor_class: Any, folder: Path) -> Any:
    """The processor saved in a folder, by us or by the stock class, on Pillow."""
    processor = processor_class.from_pretrained(folder)
    if not isinstance(processor.image_processor, Qwen2VLImageProcessorPil):
        processor.image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
    return processor


def _grids(images: Sequence[Shown]) -> list[Grid]:
    return [image.grid for image in images if image.grid]
