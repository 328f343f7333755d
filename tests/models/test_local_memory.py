"""What is remembered spares work and changes no answer: features, conversations, training."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from radvlm.models.local import LocalModel
from radvlm.models.memory import Recent
from radvlm.models.tiny_families import tiny_gemma3
from radvlm.protocols import Chat, Decoding
from radvlm.records import Turn
from tiny_models import TEXTS, chat, picture, tiny

SHORT = Decoding(max_tokens=6)
QUESTIONS = ("Where is the carina?", "No pneumothorax?", "Yes.", "Where?", "The carina is at .")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return save(tmp_path / "a.png", 1)


def save(path: Path, seed: int) -> Path:
    Image.fromarray(picture(60, 50, seed)).save(path)
    return path


def fresh(model: LocalModel) -> LocalModel:
    """The same network with nothing in memory."""
    return type(model)(model.network, model.processor, model.card, "r")


class Counted:
    """How often the tower looks at images, and how many tokens the decoder reads."""

    def __init__(self, model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks, self.read = 0, 0
        look = model.look

        def counting(inputs: dict[str, torch.Tensor]) -> Any:
            self.looks += 1
            return look(inputs)

        monkeypatch.setattr(model, "look", counting)
        layers = model.network.model.language_model.layers
        self.hook = layers[0].register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, module: Any, args: tuple[torch.Tensor, ...], kwargs: dict[str, Any]) -> None:
        states = args[0] if args else kwargs["hidden_states"]
        self.read += states.shape[0] * states.shape[1]


@pytest.mark.parametrize("said", [False, True])
def test_a_long_conversation_looks_once_and_answers_as_if_asked_at_once(
    local: LocalModel, file: Path, monkeypatch: pytest.MonkeyPatch, said: bool
) -> None:
    talking = fresh(local)
    counted = Counted(talking, monkeypatch)
    turns: tuple[Turn, ...] = ()
    for question in QUESTIONS:
        turns += (Turn("user", (question,)),)
        told = Chat((file,), turns)
        streamed = "".join(talking.stream(told, SHORT)).strip()
        assert streamed == next(fresh(local).answer([told], SHORT))[1].text
        assert next(talking.answer([told], SHORT))[1].text == streamed
        # What was written comes back the same, or as a parser and a writer would have put it.
        turns += (Turn("assistant", (streamed if said else "No.",)),)
    counted.hook.remove()
    assert counted.looks == 1


def test_a_second_turn_reads_only_what_is_new(
    local: LocalModel, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talking = fresh(local)
    counted = Counted(talking, monkeypatch)
    one = Decoding(max_tokens=1)
    list(talking.stream(chat(file, "Where is the carina?"), one))
    first, counted.read = counted.read, 0
    second = chat(file, "Where is the carina?", "Yes.", "And?")
    list(talking.stream(second, one))
    counted.hook.remove()
    assert first == len(talking.encode(chat(file, "Where is the carina?"), True).tokens.ids)
    assert counted.read <= len(talking.encode(second, True).tokens.ids) - first + 3 < first


def test_conversations_in_between_do_not_disturb(
    local: LocalModel, file: Path, tmp_path: Path
) -> None:
    other = save(tmp_path / "b.png", 2)
    talking = fresh(local)
    chats = [chat(path, "Where is the carina?", "Yes.", "And?") for path in (file, other)]
    for path in (file, other, file):
        list(talking.stream(chat(path, "Where is the carina?"), SHORT))
    list(talking.answer([chat(picture(90, 30), "Where?")] * 3, SHORT))
    for told in chats:
        expected = next(fresh(local).answer([told], SHORT))[1].text
        assert "".join(talking.stream(told, SHORT)).strip() == expected


def test_a_changed_file_is_another_image(local: LocalModel, file: Path) -> None:
    asked = chat(file, "Where is the carina?")
    talking = fresh(local)
    before = talking.logprobs([asked], ["Yes."])
    list(talking.stream(asked, SHORT))
    save(file, 9)
    os.utime(file, ns=(1, 1))
    expected = fresh(local).logprobs([asked], ["Yes."])
    assert talking.logprobs([asked], ["Yes."]) == expected != before
    said = next(fresh(local).answer([asked], SHORT))[1].text
    assert "".join(talking.stream(asked, SHORT)).strip() == said


def test_training_forgets_what_the_old_weights_saw(local: LocalModel, file: Path) -> None:
    asked = chat(file, "Where?", "Yes.")
    trained = tiny(local.card.family)
    before = trained.logprobs([asked], ["Yes."])
    trained.network.train()
    trained.collate([trained.encode(asked, open_reply=False)], left=False)
    with torch.no_grad():
        for parameter in trained.parameter_groups()["vision"]:
            parameter.mul_(1.5)
    trained.network.eval()
    after = trained.logprobs([asked], ["Yes."])
    assert after == fresh(trained).logprobs([asked], ["Yes."]) != before


def test_a_sliding_window_that_moved_on_starts_anew(file: Path) -> None:
    gemma = tiny_gemma3(TEXTS, tiny("gemma3").card, window=16)
    turns: tuple[Turn, ...] = ()
    for question in QUESTIONS:
        turns += (Turn("user", (question,)),)
        told = Chat((file,), turns)
        streamed = "".join(gemma.stream(told, SHORT)).strip()
        assert streamed == next(fresh(gemma).answer([told], SHORT))[1].text
        turns += (Turn("assistant", ("No.",)),)


def test_a_reader_who_leaves_stops_the_writing(local: LocalModel, file: Path) -> None:
    endless = fresh(local)
    endless.ends = (-1,)  # no token ends a reply, so that nothing else ends the writing
    before = set(threading.enumerate())
    pieces = endless.stream(chat(file, "Where?"), Decoding(max_tokens=100_000))
    next(pieces)
    writer = next(thread for thread in threading.enumerate() if thread not in before)
    pieces.close()
    writer.join(timeout=60)
    assert not writer.is_alive()


def test_the_oldest_go_first_and_what_is_too_heavy_is_not_kept() -> None:
    kept: Recent[str] = Recent(5, len)
    for word in ("aa", "bbb", "c"):
        kept.put(word, word)
    assert kept.get("aa") is None and kept.get("bbb") == "bbb" and len(kept) == 2
    kept.put("heavy", "dddddd")
    assert kept.get("heavy") is None
    kept.put("e", "e")
    assert kept.take("e") == "e" and kept.take("e") is None
