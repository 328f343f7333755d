"""LLaVA-OneVision (Li et al. 2024), RadVLM's architecture, through transformers' own class.

A checkpoint folder in Hugging Face layout with ``radvlm.json`` → a ``Model``. The same object
gives training its encoding, batches and parameter groups, so both see the same prompts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError
from torch.nn.utils.rnn import pad_sequence
from transformers import LlavaOnevisionForConditionalGeneration, TextIteratorStreamer
from transformers.utils import logging as transformers_logging

from radvlm.codecs import get_codec
from radvlm.errors import CheckpointError
from radvlm.io.files import atomic_folder
from radvlm.io.image import read_image
from radvlm.models.card import Card, read_card, revision_of, write_card
from radvlm.models.encoding import (
    Messages,
    Tokens,
    segments,
    share_prefix,
    to_messages,
    tokenize,
)
from radvlm.models.llava_processor import ImageTextProcessor, load_processor
from radvlm.protocols import BoxCodec, Chat, Decoding, ModelInfo, Pixels
from radvlm.records import Reply, Turn

IGNORED = -100
"""The label of a token that is not learned from."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One chat as the network takes it: ``pixels`` float32 [tiles, 3, s, s] an image."""

    tokens: Tokens
    pixels: tuple[torch.Tensor, ...]
    sizes: tuple[tuple[int, int], ...]


class LlavaOnevision:
    """A LLaVA-OneVision checkpoint that answers, scores and can be trained."""

    vision_prefix = "model.vision_tower."
    decoder_layers = ("Qwen2DecoderLayer", "SiglipEncoderLayer")
    lora_targets = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"

    def __init__(
        self,
        network: LlavaOnevisionForConditionalGeneration,
        processor: ImageTextProcessor,
        card: Card,
        revision: str,
    ) -> None:
        self.network = network
        self.processor = processor
        self.card = card
        self.revision = revision
        self.codec: BoxCodec = get_codec(card.codec)
        self._seen: dict[Path, tuple[torch.Tensor, tuple[int, int]]] = {}
        self._counts: dict[tuple[int, int], int] = {}
        self.image_cache = 64

    @classmethod
    def from_folder(cls, folder: Path, device: str | None = None) -> Self:
        """Load a checkpoint folder; ``device`` defaults to CUDA where there is one.

        Raises:
            CheckpointError: the folder lacks ``radvlm.json`` or cannot be loaded.
        """
        card = read_card(folder)
        transformers_logging.disable_progress_bar()
        try:
            network = LlavaOnevisionForConditionalGeneration.from_pretrained(
                folder, local_files_only=True, dtype="auto"
            )
            processor = load_processor(folder)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"cannot be loaded ({reason})", folder, "Copy it anew") from error
        network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        return cls(network.eval(), processor, card, revision_of(folder))

    def save(self, folder: Path, card: Card | None = None) -> None:
        """Write the usual Hugging Face layout and ``radvlm.json``, whole or not at all."""
        transformers_logging.disable_progress_bar()
        with atomic_folder(folder, replace=True) as aside:
            self.network.save_pretrained(aside)
            self.processor.save_pretrained(aside)
            write_card(card or self.card, aside)

    @property
    def info(self) -> ModelInfo:
        """What the checkpoint's card says, and its revision."""
        card = self.card
        return ModelInfo(
            name=card.name,
            revision=self.revision,
            family=card.family,
            licence=card.licence,
            access=card.access,
            tasks=card.tasks,
            codec=card.codec,
            max_images=card.max_images,
            scope=card.scope,
        )

    def encode(self, chat: Chat, open_reply: bool) -> Encoded:
        """Tokens and pixels of a chat; ``open_reply`` ends it with the opening of a reply."""
        shown = [self._image(image) for image in chat.images]
        sizes = tuple(size for _, size in shown)
        tokenizer = self.processor.tokenizer
        height, width = sizes[0] if sizes else (1, 1)
        messages = to_messages(
            chat.turns,
            self.codec,
            (width, height),
            len(sizes),
            self.card.system,
            [token.content for token in tokenizer.added_tokens_decoder.values()],
        )
        expanded = iter(self._image_tokens(sizes))

        def ids_of(text: str) -> list[int]:
            first, *rest = text.split(self.processor.image_token)
            whole = first + "".join(next(expanded) + piece for piece in rest)
            return list(tokenizer(whole, add_special_tokens=False).input_ids)

        pieces = segments(messages, self._template, open_reply)
        tokens = tokenize(pieces, ids_of, tokenizer.eos_token_id)
        return Encoded(tokens, tuple(pixels for pixels, _ in shown), sizes)

    def encode_group(self, chats: Sequence[Chat]) -> Encoded:
        """Chats about the same images in one row, the images once; each sees itself alone."""
        whole = [self.encode(chat, open_reply=False) for chat in chats]
        if len(whole) == 1:
            return whole[0]
        ids = whole[0].tokens.ids
        image = self.processor.image_token_id
        length = len(ids) - ids[::-1].index(image) if image in ids else 0
        tokens = share_prefix([one.tokens for one in whole], length)
        return Encoded(tokens, whole[0].pixels, whole[0].sizes)

    def collate(self, items: Sequence[Encoded], left: bool) -> dict[str, torch.Tensor]:
        """A padded batch on the network's device, with ``labels`` for the learned tokens.

        Rows that hold several chats bring ``position_ids`` and a mask [b, 1, n, n] to the batch.
        """
        side = "left" if left else "right"
        pad = self.processor.tokenizer.pad_token_id
        ids = [torch.tensor(item.tokens.ids) for item in items]
        learn = [torch.tensor(item.tokens.learn) for item in items]
        labels = [torch.where(mask, row, IGNORED) for row, mask in zip(ids, learn, strict=True)]
        ones = [torch.ones_like(row) for row in ids]
        batch = {
            "input_ids": pad_sequence(ids, True, pad, side),
            "attention_mask": pad_sequence(ones, True, 0, side),
            "labels": pad_sequence(labels, True, IGNORED, side),
        }
        if any(item.tokens.blocks for item in items):
            batch |= _blockwise([item.tokens for item in items], batch["input_ids"].shape[1])
        images = [image for item in items for image in item.pixels]
        if images:
            batch["pixel_values"] = pad_sequence(images, True)
            batch["image_sizes"] = torch.tensor([size for item in items for size in item.sizes])
            counts = [len(item.pixels) for item in items if item.pixels]
            batch["batch_num_images"] = torch.tensor(counts)
        return {key: value.to(self.network.device) for key, value in batch.items()}

    @torch.inference_mode()
    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        """Replies to the chats, computed as one batch; ``decoding.n`` replies a chat."""
        if not chats:
            return
        start = time.perf_counter()
        batch = self.collate([self.encode(chat, open_reply=True) for chat in chats], left=True)
        batch.pop("labels")
        torch.manual_seed(decoding.seed)
        written = self.network.generate(**batch, **self._generation(decoding))
        seconds = (time.perf_counter() - start) / len(written)
        for row, ids in enumerate(written[:, batch["input_ids"].shape[1] :].tolist()):
            yield row // decoding.n, self._reply(ids, seconds)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        """The reply to one chat, piece by piece as it is written."""
        batch = self.collate([self.encode(chat, open_reply=True)], left=True)
        batch.pop("labels")
        streamer = TextIteratorStreamer(
            self.processor.tokenizer, skip_prompt=True, skip_special_tokens=True
        )
        torch.manual_seed(decoding.seed)
        options = {**batch, **self._generation(decoding), "streamer": streamer}
        writer = Thread(target=self.network.generate, kwargs=options, daemon=True)
        writer.start()
        yield from streamer
        writer.join()

    @torch.inference_mode()
    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        """Log-probability of each token of each continuation, its end of turn included."""
        said = [
            Chat(chat.images, (*chat.turns, Turn("assistant", (text,))))
            for chat, text in zip(chats, continuations, strict=True)
        ]
        encoded = [self.encode(chat, open_reply=False) for chat in said]
        before = [sum(self.encode(chat, open_reply=True).tokens.learn) for chat in chats]
        batch = self.collate(encoded, left=False)
        labels = batch.pop("labels")[:, 1:]
        logits = self.network(**batch).logits[:, :-1].float().log_softmax(-1)
        chosen = logits.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
        return [
            row[mask.ne(IGNORED)][skipped:].tolist()
            for row, mask, skipped in zip(chosen, labels, before, strict=True)
        ]

    def _template(self, messages: Messages, open_reply: bool) -> str:
        rendered = self.processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=open_reply
        )
        return str(rendered)

    def _generation(self, decoding: Decoding) -> dict[str, Any]:
        tokenizer = self.processor.tokenizer
        sampled = decoding.temperature > 0
        return {
            "max_new_tokens": decoding.max_tokens,
            "num_return_sequences": decoding.n,
            "do_sample": sampled,
            **({"temperature": decoding.temperature} if sampled else {}),
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        }

    def _reply(self, ids: list[int], seconds: float) -> Reply:
        tokenizer = self.processor.tokenizer
        stopped = tokenizer.eos_token_id in ids
        kept = ids[: ids.index(tokenizer.eos_token_id)] if stopped else ids
        text = tokenizer.decode(kept, skip_special_tokens=True).strip()
        return Reply(text, len(kept), "stop" if stopped else "length", seconds)

    def _image(self, image: Path | Pixels) -> tuple[torch.Tensor, tuple[int, int]]:
        """Tiles float32 [tiles, 3, s, s] and (height, width); files are kept for a while."""
        if isinstance(image, Path) and image in self._seen:
            return self._seen[image]
        pixels = read_image(image) if isinstance(image, Path) else image
        shown = np.repeat(pixels[:, :, None], 3, axis=2)
        made = self.processor.image_processor(images=[shown], return_tensors="pt")
        result = made["pixel_values"][0], (pixels.shape[0], pixels.shape[1])
        if isinstance(image, Path) and self.image_cache:
            while len(self._seen) >= self.image_cache:
                self._seen.pop(next(iter(self._seen)))
            self._seen[image] = result
        return result

    def _image_tokens(self, sizes: Sequence[tuple[int, int]]) -> list[str]:
        """The image token, repeated as often as the network makes features of each image."""
        if len(sizes) > 1:
            count = self.processor.num_image_tokens + 1
            return [self.processor.image_token * count] * len(sizes)
        for size in sizes:
            if size not in self._counts:
                counted = self.processor._get_num_multimodal_tokens(image_sizes=[size])
                self._counts[size] = counted["num_image_tokens"][0]
        return [self.processor.image_token * self._counts[size] for size in sizes]


def _blockwise(rows: Sequence[Tokens], length: int) -> dict[str, torch.Tensor]:
    """Positions and additive mask of right-padded rows; padding sees itself alone."""
    positions = torch.zeros(len(rows), length, dtype=torch.long)
    seen = torch.eye(length, dtype=torch.bool).repeat(len(rows), 1, 1)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    for k, row in enumerate(rows):
        n = len(row.ids)
        blocks = torch.tensor(row.blocks or [1] * n)
        positions[k, :n] = torch.tensor(row.positions or range(n))
        same = (blocks[:, None] == blocks[None, :]) | (blocks[None, :] == 0)
        seen[k, :n, :n] = same & causal[:n, :n]
    hidden = torch.finfo(torch.float32).min
    mask = torch.zeros(seen.shape).masked_fill(~seen, hidden)
    return {"position_ids": positions, "attention_mask": mask[:, None]}
