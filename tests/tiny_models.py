"""A tiny model of each family, chats to ask it, and transformers' own prompts for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radvlm.models.card import TOY_SCOPE, Card
from radvlm.models.local import LocalModel
from radvlm.models.tiny import TinyConfig, make_tiny
from radvlm.models.tiny_families import livelier, tiny_gemma3, tiny_qwen3_vl, tiny_qwen25_vl
from radvlm.protocols import Chat, Pixels
from radvlm.records import Turn

TEXTS = ["Where is the carina?", "The carina is at .", "Yes.", "No pneumothorax is seen."] * 5
TILED = TinyConfig(
    image_size=28,
    patch_size=14,
    tiles=2,
    vision_width=16,
    vision_layers=2,
    text_width=32,
    text_layers=2,
    vocabulary=600,
)


def tiny(family: str, texts: Sequence[str] = TEXTS) -> LocalModel:
    """An untrained model of the family, the same each time; its tokenizer has learned the texts."""
    card = Card(name="t", family=family, scope=TOY_SCOPE, access="open")
    if family == "qwen3_vl":
        return tiny_qwen3_vl(texts, card)
    if family == "qwen25_vl":
        return tiny_qwen25_vl(texts, card)
    if family == "gemma3":
        return tiny_gemma3(texts, card)
    model = make_tiny(TILED, texts, card)
    livelier(model.network)
    return model


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 255, (height, width), dtype=np.uint8)


def chat(images: Any, *texts: str) -> Chat:
    """Turns of user and assistant by turns about one image, several or none."""
    shown = images if isinstance(images, tuple) else (images,)
    roles = ("user", "assistant")
    turns = tuple(Turn(roles[k % 2], (text,)) for k, text in enumerate(texts))  # type: ignore[arg-type]
    return Chat(shown, turns)


MIXED = (
    chat(picture(40, 70, 1), "Where?"),
    chat(picture(90, 60, 2), "Where is the carina?"),
    chat(picture(57, 33, 3), "Yes.", "No pneumothorax is seen.", "Where is the carina?"),
    chat((), "Yes. Yes."),
)
"""Images of different sizes and shapes, and none; questions of different lengths."""


def stock_inputs(model: LocalModel, asked: Chat) -> dict[str, Any]:
    """What the family's own transformers processor makes of a chat, images first."""
    messages = [
        {
            "role": turn.role,
            "content": [{"type": "image"}] * (len(asked.images) if k == 0 else 0)
            + [{"type": "text", "text": turn.parts[0]}],
        }
        for k, turn in enumerate(asked.turns)
    ]
    text = model.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    images = [[np.repeat(np.asarray(image)[..., None], 3, 2) for image in asked.images]]
    made = model.processor(
        text=[text],
        images=images if asked.images else None,
        return_tensors="pt",
        add_special_tokens=False,
    )
    return dict(made)
