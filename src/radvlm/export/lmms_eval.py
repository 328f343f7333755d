"""radvlm's models in lmms-eval, through its entry-point group ``lmms_eval.models``.

``lmms-eval --model radvlm --model_args pretrained=FOLDER --tasks …`` then asks a checkpoint, or a
served model described by a file, in the prompts of lmms-eval's tasks. What it scores has
lmms-eval's names and protocols; none of it stands in our tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
from PIL import Image

from radvlm.errors import InputError
from radvlm.protocols import Chat, Decoding, Pixels
from radvlm.records import Role, Turn

MOST_TOKENS = 256
"""Where a task does not say how long an answer may be."""


def model_manifest() -> Any:
    """What the entry point gives: lmms-eval's name for the class, which is imported when used."""
    from lmms_eval.models.registry_v2 import ModelManifest

    where = "radvlm.export.lmms_eval_model.RadvlmForLmmsEval"
    return ModelManifest(model_id="radvlm", chat_class_path=where)


def to_chat(messages: Sequence[Mapping[str, Any]]) -> Chat:
    """lmms-eval's messages (roles, content parts of type text or image) → a chat.

    Images are PIL images; they become uint8 [height, width]. Our models show the images of a chat
    before its first question, wherever in the messages they stand.

    Raises:
        InputError: a part is neither text nor image, or a role is unknown.
    """
    images: list[Pixels] = []
    turns = []
    for message in messages:
        texts = []
        for part in message["content"]:
            if part["type"] == "text":
                texts.append(part["text"])
            elif part["type"] == "image":
                images.append(_grey(part["url"]))
            else:
                raise InputError(f"a radiograph model is shown no {part['type']}")
        turns.append(Turn(_role(message["role"]), ("".join(texts).strip(),)))
    return Chat(tuple(images), tuple(turns))


def to_decoding(options: Mapping[str, Any]) -> Decoding:
    """lmms-eval's generation options; ``until`` is left to the caller."""
    temperature = float(options.get("temperature") or 0.0) if options.get("do_sample") else 0.0
    return Decoding(int(options.get("max_new_tokens") or MOST_TOKENS), temperature)


def cut(text: str, until: str | Sequence[str] | None) -> str:
    """The reply up to the first of the strings at which the task wants it to end."""
    ends = [until] if isinstance(until, str) else list(until or ())
    for end in filter(None, ends):
        text = text.partition(end)[0]
    return text.strip()


def _grey(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("L"), dtype=np.uint8)


def _role(name: str) -> Role:
    found = next((role for role in get_args(Role) if role == name), None)
    if found is None:
        raise InputError(f"unknown role {name!r}")
    role: Role = found
    return role
