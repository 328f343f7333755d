from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from radvlm.chatting import Conversation, chat_in_terminal
from radvlm.io.image import read_image
from radvlm.models.card import TOY_SCOPE
from radvlm.models.opening import open_model


def talk(checkpoint: Path, image: Path, *lines: str) -> str:
    console = Console(file=io.StringIO(), width=120)
    said = iter(lines)

    def ask(prompt: str) -> str:
        try:
            return next(said)
        except StopIteration:
            raise EOFError from None

    chat_in_terminal(checkpoint, image, console, ask)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_the_first_line_says_what_the_model_is(checkpoint: Path, cohort: Path) -> None:
    image = min((cohort / "images").iterdir())
    assert talk(checkpoint, image).splitlines()[0] == TOY_SCOPE


def test_replies_become_history_and_new_starts_over(checkpoint: Path, cohort: Path) -> None:
    pixels = read_image(min((cohort / "images").iterdir()))
    conversation = Conversation(open_model(checkpoint), pixels)
    first = "".join(conversation.ask("Where is the left lung?"))
    "".join(conversation.ask("And the right lung?"))
    assert [turn.role for turn in conversation.turns] == ["user", "assistant"] * 2
    assert first


def test_boxes_are_drawn_when_asked(checkpoint: Path, cohort: Path, tmp_path: Path) -> None:
    image = min((cohort / "images").iterdir())
    target = tmp_path / "boxes.png"
    output = talk(checkpoint, image, f"/draw {target}", "Where is the left lung?", "/quit")
    assert "no boxes" in output and not target.exists()
    pixels = read_image(image)
    conversation = Conversation(open_model(checkpoint), pixels)
    from radvlm.chatting import draw_last
    from radvlm.records import Box, Turn

    conversation.turns = (Turn("assistant", ("At ", (Box(0.1, 0.1, 0.5, 0.5),))),)
    assert "1 boxes" in draw_last(conversation, str(target))
    width, height = Image.open(target).size
    assert max(width, height) == 512
    assert width / height == pytest.approx(pixels.shape[1] / pixels.shape[0], rel=0.01)
