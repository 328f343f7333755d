"""lmms-eval's messages and options, and the class itself where lmms-eval is installed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from radvlm.errors import InputError
from radvlm.export.lmms_eval import cut, model_manifest, to_chat, to_decoding
from radvlm.models.opening import open_model
from radvlm.protocols import Chat, Decoding
from radvlm.records import Turn

PICTURE = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))


def asked(text: str, *images: Image.Image) -> dict[str, object]:
    parts = [{"type": "image", "url": image} for image in images]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def test_messages_become_a_chat() -> None:
    answered = {"role": "assistant", "content": [{"type": "text", "text": "Yes. "}]}
    chat = to_chat([asked("Is it large?", PICTURE), answered, asked("Where?")])
    assert [turn.role for turn in chat.turns] == ["user", "assistant", "user"]
    assert [turn.parts for turn in chat.turns] == [("Is it large?",), ("Yes.",), ("Where?",)]
    assert np.array_equal(np.asarray(chat.images[0]), np.asarray(PICTURE))


def test_a_colour_image_becomes_grey() -> None:
    red = Image.new("RGB", (2, 2), (255, 0, 0))
    (pixels,) = to_chat([asked("?", red)]).images
    assert np.asarray(pixels).shape == (2, 2) and np.asarray(pixels)[0, 0] == 76  # BT.601


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="no video"):
        to_chat([{"role": "user", "content": [{"type": "video", "url": "x"}]}])


def test_options() -> None:
    assert to_decoding({}) == Decoding(256, 0.0)
    assert to_decoding({"max_new_tokens": 16, "temperature": 0.7}) == Decoding(16, 0.0)
    assert to_decoding({"do_sample": True, "temperature": 0.7}).temperature == 0.7
    assert cut("no.\n\nAlso", ["\n\n", "</s>"]) == "no."
    assert cut(" yes ", None) == "yes"


def test_the_class_in_lmms_eval(checkpoint: Path) -> None:
    pytest.importorskip("lmms_eval", reason="lmms-eval is not installed")
    from radvlm.export.lmms_eval_model import RadvlmForLmmsEval

    assert model_manifest().model_id == "radvlm"
    model = RadvlmForLmmsEval(str(checkpoint))
    model.task_dict = {"t": {"test": [[asked("Is there a fracture?", PICTURE)]]}}
    request = SimpleNamespace(args=(lambda doc: doc, {"max_new_tokens": 4}, 0, "t", "test"))
    chat = Chat((np.asarray(PICTURE),), (Turn("user", ("Is there a fracture?",)),))
    ((_, reply),) = open_model(checkpoint).answer([chat], Decoding(4))
    assert model.generate_until([request]) == [reply.text.strip()]
