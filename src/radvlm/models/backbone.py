"""What the local families share for training and inference: loading, prompts, pixels, batches.

A family is a subclass in a file of its own that says only what is peculiar to it. The same object
serves inference (``local.LocalModel``) and training, so both see the same prompts, pixels and
positions.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils import logging as transformers_logging

from radvlm.codecs import get_codec
from radvlm.errors import CheckpointError
from radvlm.io.files import atomic_folder
from radvlm.io.image import read_image
from radvlm.models.batches import (
    Encoded,
    Shown,
    additive,
    block_positions,
    may_see,
    pad_rows,
)
from radvlm.models.card import Card, read_card, revision_of, write_card
from radvlm.models.encoding import (
    Messages,
    Tokens,
    segments,
    share_prefix,
    to_messages,
    tokenize,
)
from radvlm.models.memory import Recent, file_key, pixels_key
from radvlm.models.packed_attention import PACKED, marks
from radvlm.protocols import BoxCodec, Chat, ModelInfo, Pixels
from radvlm.records import Turn

Features = tuple[torch.Tensor, ...]
"""What a network makes of the images of a chat; which tensors these are is the family's matter."""


class Backbone:
    """A checkpoint with its prompts and pixels; one subclass a family."""

    network_class: ClassVar[Any]
    """transformers' own class of the network."""
    native_codec: ClassVar[str]
    """How the architecture's public weights write boxes; a checkpoint's card has the last word."""
    vision_prefix: ClassVar[str]
    """What the names of the vision tower's parameters begin with."""
    projector_prefixes: ClassVar[tuple[str, ...]]
    """Those of what leads from the tower to the language model, in the tower or outside."""
    decoder_layers: ClassVar[tuple[str, ...]]
    """Classes of the layers that are sharded and recomputed one by one."""
    lora_targets: ClassVar[str] = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"

    def __init__(self, network: Any, processor: Any, card: Card, revision: str) -> None:
        self.network = network
        self.processor = processor
        self.card = card
        self.revision = revision
        self.codec: BoxCodec = get_codec(card.codec)
        tokenizer = processor.tokenizer
        added = [token.content for token in tokenizer.added_tokens_decoder.values()]
        self._special = [token for token in added if token.strip()]
        self.ends: tuple[int, ...] = (tokenizer.eos_token_id,)
        self._images: Recent[Shown] = Recent(64)

    # What a family says for itself.

    @classmethod
    def load_processor(cls, folder: Path) -> Any:
        """Tokenizer, chat template and image processing of a checkpoint folder."""
        raise NotImplementedError

    @property
    def image_token_id(self) -> int:
        """The token in whose place the network puts an image feature."""
        return int(self.processor.image_token_id)

    def prepare(self, pixels: Pixels, alone: bool = True) -> Shown:
        """An image as the network takes it; ``alone`` where the chat has no other."""
        raise NotImplementedError

    def sized(self, size: tuple[int, int]) -> Shown:
        """One image of that (height, width) on the ``meta`` device, for counting."""
        raise NotImplementedError

    def image_texts(self, images: Sequence[Shown]) -> list[str]:
        """What stands in the prompt for each image of a chat."""
        raise NotImplementedError

    def image_inputs(self, items: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """The network's inputs for the images of some chats, at least one image."""
        raise NotImplementedError

    def look(self, inputs: dict[str, torch.Tensor]) -> Features:
        """Features of the images of one chat."""
        made = self.network.get_image_features(**inputs, return_dict=True)
        return (torch.cat(tuple(made.pooler_output)),)

    def seen(self, features: Sequence[Features]) -> Any:
        """Features of some chats as the network takes them in place of pixels."""
        return BaseModelOutputWithPooling(pooler_output=[kept[0] for kept in features])

    def extra_inputs(self, items: Sequence[Encoded], length: int, left: bool) -> dict[str, Any]:
        """Inputs besides ids and mask; for rows that hold several chats, the mask as well."""
        rows = [item.tokens for item in items]
        if not self.packs and not any(row.blocks for row in rows):
            return {}
        return {"position_ids": block_positions(rows, length), **self.mask_of(rows, length)}

    def mask_of(self, rows: Sequence[Tokens], length: int) -> dict[str, Any]:
        """What tells each token of rows that hold several chats what it may look back at."""
        if self.packs:
            return {"attention_mask": marks(rows[0])}
        seen = may_see(rows, length, self.network.device)
        return {"attention_mask": additive(seen, self.network.dtype)}

    @property
    def packs(self) -> bool:
        """Whether the language model attends to each sequence of a packed row by itself."""
        return bool(self.network.config.get_text_config()._attn_implementation == PACKED)

    def attend_by(self, attention: str) -> None:
        """Choose the language model's attention: ``PACKED`` for training, or transformers' own."""
        self.network.set_attn_implementation({"text_config": attention})

    # What follows from it.

    @classmethod
    def from_folder(
        cls, folder: Path, device: str | None = None, options: Mapping[str, Any] | None = None
    ) -> Self:
        """Load a checkpoint folder; ``device`` defaults to CUDA where there is one.

        ``options`` go to transformers' ``from_pretrained``, such as a quantisation.

        Raises:
            CheckpointError: the folder lacks ``radvlm.json`` or cannot be loaded.
        """
        card = read_card(folder)
        transformers_logging.disable_progress_bar()
        try:
            network, report = cls.network_class.from_pretrained(
                folder,
                local_files_only=True,
                dtype="auto",
                output_loading_info=True,
                **(options or {}),
            )
            processor = cls.load_processor(folder)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"cannot be loaded ({reason})", folder, "Copy it anew") from error
        if missing := sorted(report["missing_keys"]):
            reason = f"{len(missing)} of its weights are missing, {missing[0]} among them"
            raise CheckpointError(reason, folder, "See whether its card names the right family")
        network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        return cls(network.eval(), processor, card, revision_of(folder))

    def save(
        self,
        folder: Path,
        card: Card | None = None,
        weights: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """Write the usual Hugging Face layout and ``radvlm.json``, whole or not at all.

        ``weights`` take the place of the network's own where those lie in several processes.
        """
        transformers_logging.disable_progress_bar()
        with atomic_folder(folder, replace=True) as aside:
            self.network.save_pretrained(aside, state_dict=weights)
            self.processor.save_pretrained(aside)
            write_card(card or self.card, aside)

    @property
    def info(self) -> ModelInfo:
        """What the checkpoint's card says, and its revision."""
        return self.card.about(self.revision)

    @property
    def image_cache(self) -> int:
        """How many prepared images are kept."""
        return self._images.limit

    @image_cache.setter
    def image_cache(self, limit: int) -> None:
        self._images.limit = limit

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of ``vision``, ``projector`` and ``language``; each in exactly one."""
        groups: dict[str, list[nn.Parameter]] = {"vision": [], "projector": [], "language": []}
        for name, parameter in self.network.named_parameters():
            if name.startswith(self.projector_prefixes):
                groups["projector"].append(parameter)
            elif name.startswith(self.vision_prefix):
                groups["vision"].append(parameter)
            else:
                groups["language"].append(parameter)
        return groups

    def text_length(self, turns: Sequence[Turn]) -> int:
        """Tokens of a chat without its images."""
        return len(self.encode(Chat((), tuple(turns)), open_reply=False).tokens.ids)

    def image_length(self, size: tuple[int, int], count: int = 1) -> int:
        """Tokens of ``count`` images of that (height, width) in one chat."""
        texts = "".join(self.image_texts([self.sized(size)] * count))
        return len(self.processor.tokenizer(texts, add_special_tokens=False).input_ids)

    def encode(self, chat: Chat, open_reply: bool) -> Encoded:
        """Tokens and pixels of a chat; ``open_reply`` ends it with the opening of a reply."""
        alone = len(chat.images) == 1
        shown = tuple(self._shown(image, alone) for image in chat.images)
        height, width = shown[0].size if shown else (1, 1)
        size, count = (width, height), len(shown)
        messages = to_messages(chat.turns, self.codec, size, count, self.card.system, self._special)
        expanded = iter(self.image_texts(shown))

        def ids_of(text: str) -> list[int]:
            first, *rest = text.split(self.processor.image_token)
            whole = first + "".join(next(expanded) + piece for piece in rest)
            return list(self.processor.tokenizer(whole, add_special_tokens=False).input_ids)

        pieces = segments(messages, self._template, open_reply)
        return Encoded(tokenize(pieces, ids_of, self.ends[0]), shown)

    def encode_group(self, chats: Sequence[Chat]) -> Encoded:
        """Chats about the same images in one row, the images once; each sees itself alone."""
        whole = [self.encode(chat, open_reply=False) for chat in chats]
        if len(whole) == 1:
            return whole[0]
        length = self.images_end(whole[0])
        return Encoded(share_prefix([one.tokens for one in whole], length), whole[0].images)

    def collate(self, items: Sequence[Encoded], left: bool) -> dict[str, Any]:
        """A padded batch with pixels on the network's device, and ``labels`` for learned tokens."""
        batch = self.texts(items, left)
        if any(item.images for item in items):
            batch |= self.image_inputs([part for item in items for part in item.apart])
        return move(batch, self.network.device)

    def texts(self, items: Sequence[Encoded], left: bool) -> dict[str, Any]:
        """A padded batch without its images, not yet on the network's device."""
        pad = self.processor.tokenizer.pad_token_id
        batch: dict[str, Any] = pad_rows([item.tokens for item in items], pad, left)
        return batch | self.extra_inputs(items, batch["input_ids"].shape[1], left)

    def images_end(self, item: Encoded) -> int:
        """How many tokens stand up to the end of the last image; 0 where there is none."""
        ids, image = item.tokens.ids, self.image_token_id
        return len(ids) - ids[::-1].index(image) if image in ids else 0

    def _template(self, messages: Messages, open_reply: bool) -> str:
        rendered = self.processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=open_reply
        )
        return str(rendered)

    def _shown(self, image: Path | Pixels, alone: bool) -> Shown:
        """An image prepared; it is kept for a while."""
        key = file_key(image) if isinstance(image, Path) else pixels_key(image)
        shown = self._images.get((key, alone))
        if shown is None:
            pixels = read_image(image) if isinstance(image, Path) else image
            shown = replace(self.prepare(pixels, alone), key=key)
            self._images.put((key, alone), shown)
        return shown


def as_rgb(pixels: Pixels) -> NDArray[np.uint8]:
    """Grey as three equal colours, uint8 [height, width, 3]."""
    return np.repeat(pixels[:, :, None], 3, axis=2)


def image_key(item: Encoded) -> Hashable:
    """What tells the images of a chat from others; none where one is no file."""
    keys = tuple(image.key for image in item.images)
    return keys if keys and None not in keys else None


def move(batch: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch with its tensors, those in tables included, on a device."""
    return {
        name: value.to(device) if isinstance(value, torch.Tensor) else move(value, device)
        for name, value in batch.items()
    }
