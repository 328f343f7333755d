from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from rich.console import Console

from radvlm.chatting import Conversation, chat_in_terminal
from radvlm.chatting.screen import Session, picture
from radvlm.chatting.session import _loop, answer
from radvlm.codecs import get_codec
from radvlm.io.image import read_image
from radvlm.models.card import TOY_SCOPE
from radvlm.models.opening import open_model
from radvlm.protocols import Chat, Decoding, ModelInfo
from radvlm.records import Box, Reply

SCRIPT = {
    "report of": "Large right pleural effusion. No edema.",
    "abnormalities": "I see a pleural effusion.",
    "Find the": "Not visible.",
    "seen": "At [0.1, 0.2, 0.5, 0.6].",
    "Where": "At [0.1, 0.2, 0.5, 0.6].",
    "What is here": "Fluid.\x1b[31m \u202eevil",
}


class Scripted:
    """Answers by what the last question holds, and keeps the chats."""

    codec = get_codec("radvlm_01")
    info = ModelInfo("m", "r", "f", "l", "open", (), "radvlm_01", 1, TOY_SCOPE)

    def __init__(self) -> None:
        self.chats: list[Chat] = []

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        for index, chat in enumerate(chats):
            self.chats.append(chat)
            asked = str(chat.turns[-1].parts[0])
            text = next((reply for word, reply in SCRIPT.items() if word in asked), "Clear.")
            yield index, Reply(text, 1, "stop", 0.0)

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        yield from next(self.answer([chat], decoding))[1].text

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        return [[float(np.log(0.9 if said.startswith("Yes") else 0.1))] for said in continuations]


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((60, 80), 90, np.uint8)).save(path)
    return path


def talk(model: Scripted, image: Path, *lines: str) -> tuple[str, bool, Conversation]:
    """What a script of lines prints, and whether all was understood."""
    console = Console(file=io.StringIO(), width=120)
    conversation, said = Conversation(model, image), iter(lines)

    def ask() -> str:
        try:
            return next(said)
        except StopIteration:
            raise EOFError from None

    session = Session(conversation, console, lambda *a: answer(conversation, console, *a))
    understood = _loop(session, ask)
    return str(console.file.getvalue()), understood, conversation  # type: ignore[attr-defined]


def test_the_first_line_says_what_the_model_is(checkpoint: Path, cohort: Path) -> None:
    image, console = min((cohort / "images").iterdir()), Console(file=io.StringIO(), width=120)
    said = iter(["Where is the left lung?", "/quit"])
    assert chat_in_terminal(checkpoint, image, console, lambda: next(said))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.splitlines()[0] == TOY_SCOPE and "model: " in printed


def test_replies_become_history_and_new_starts_over(checkpoint: Path, cohort: Path) -> None:
    conversation = Conversation(open_model(checkpoint), min((cohort / "images").iterdir()))
    first = "".join(conversation.ask("Where is the left lung?"))
    "".join(conversation.ask("And the right lung?"))
    assert [turn.role for turn in conversation.turns] == ["user", "assistant"] * 2
    assert first


def test_a_reading_is_a_table_whose_statuses_can_be_changed(grey: Path) -> None:
    said, understood, conversation = talk(
        Scripted(), grey, "/read", "/status 1 uncertain", "/status 2 present", "/status 2 absent"
    )
    assert understood and "Large right pleural effusion." in said
    assert "0.90" in said and "[0.10, 0.20, 0.50, 0.60]" in said
    assert "uncertain (changed)" in said and conversation.edited == {
        "Pleural Effusion": "uncertain"
    }
    assert [one.status for one, _ in conversation.findings()] == ["uncertain", "absent"]


def test_a_box_goes_to_the_model_as_a_box_and_replies_cannot_command_the_terminal(
    grey: Path,
) -> None:
    model = Scripted()
    said, _, _ = talk(model, grey, "/box 0.1 0.2 0.5 0.6", "/box .1,.2,.5,.6 Where is the edge?")
    first, second = (chat.turns[-1].parts for chat in model.chats)
    assert first == ("What is here? ", (Box(0.1, 0.2, 0.5, 0.6),))
    assert second[0] == "Where is the edge? "
    assert "Fluid." in said and "\x1b" not in said and "\u202e" not in said
    assert "[0.10, 0.20, 0.50, 0.60]" in said


@pytest.mark.parametrize(
    "line",
    ["/box 0.5 0.2 0.1 0.6", "/box one", "/status 1 present", "/window 10 20", "/prior no.png",
     "/save a.docx", "/save", "/draw a.png", "/findings", "/unknown", "/status x present"],
)  # fmt: skip
def test_what_is_not_understood_is_one_line_and_counted(grey: Path, line: str) -> None:
    said, understood, _ = talk(Scripted(), grey, line)
    assert not understood and len(said.strip().splitlines()) == 1


def test_questions_beyond_the_tasks_are_not_asked(grey: Path) -> None:
    model = Scripted()
    said, _, _ = talk(model, grey, "What is the capital of France?")
    assert "I was only taught" in said and not model.chats


def test_suggestions_follow_the_findings_and_are_asked_by_number(grey: Path) -> None:
    model = Scripted()
    said, _, _ = talk(model, grey, "/read", "/suggest", "1")
    assert "1  Where is the pleural effusion?" in said
    assert model.chats[-1].turns[-1].parts == ("Where is the pleural effusion?",)


def test_an_earlier_image_is_given_to_models_of_several_images_alone(
    grey: Path, tmp_path: Path
) -> None:
    earlier = tmp_path / "earlier.png"
    Image.fromarray(np.full((50, 50), 10, np.uint8)).save(earlier)
    model = Scripted()
    said, _, _ = talk(model, grey, f"/prior {earlier}", "Is there edema?")
    assert "reads one image" in said and len(model.chats[-1].images) == 1
    model.info = replace(model.info, max_images=2)
    talk(model, grey, f"/prior {earlier}", "Is there edema?")
    assert [image.shape for image in model.chats[-1].images] == [  # type: ignore[union-attr]
        (50, 50),
        (60, 80),
    ]


def test_a_window_changes_what_is_seen_and_not_what_the_model_sees() -> None:
    path = Path(str(get_testdata_file("CT_small.dcm")))
    model = Scripted()
    said, understood, conversation = talk(model, path, "/window 40 400", "/invert", "Any edema?")
    assert understood and "window 40 400" in said
    dataset = dcmread(path)
    values = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    grey = np.rint(((values - 39.5) / 399 + 0.5).clip(0, 1) * 255)  # PS3.3 C.11.2.1.2
    assert np.abs(conversation.seen().astype(float) - (255 - grey)).max() <= 1
    assert np.array_equal(np.asarray(model.chats[-1].images[0]), read_image(path))


def test_a_report_is_edited_and_saved_and_never_overwritten(grey: Path, tmp_path: Path) -> None:
    names = [str(tmp_path / f"report{kind}") for kind in (".txt", ".json", ".pdf")]
    lines = ["/read", "/status 1 absent", "/report All clear.\\nSecond line.", "/read"]
    said, understood, _ = talk(
        Scripted(), grey, *lines, "/status 1 absent", *(f"/save {n}" for n in names)
    )
    assert understood, said
    text, saved, pdf = (Path(name).read_bytes() for name in names)
    assert text.decode().splitlines()[0] == TOY_SCOPE and b"All clear.\nSecond line." in text
    assert "Research use only" in text.decode() and "changed by a person" in text.decode()
    data = json.loads(saved)
    assert data["report"].startswith("All clear.") and data["changed_by_a_person"]
    assert data["reading"]["findings"][0]["status"] == "absent" and pdf.startswith(b"%PDF-")
    again, understood, _ = talk(Scripted(), grey, f"/save {names[0]}")
    assert not understood and "not overwritten" in " ".join(again.split())
    assert Path(names[0]).read_bytes() == text


def test_boxes_are_drawn_into_a_file(grey: Path, tmp_path: Path) -> None:
    target = tmp_path / "boxes.png"
    said, _, _ = talk(Scripted(), grey, "Where is the left lung?", f"/draw {target}")
    assert "1 boxes" in said and Image.open(target).size == (512, 384)


def test_half_blocks_show_two_pixels_a_cell_and_the_box() -> None:
    pixels = np.zeros((40, 40), np.uint8)
    pixels[20:] = 200
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=60)
    console.print(picture(pixels, [Box(0.0, 0.0, 1.0, 1.0)], 40, 20))
    lines = str(console.file.getvalue()).strip("\n").split("\n")  # type: ignore[attr-defined]
    assert len(lines) == 20 and all(line.count("▀") == 40 for line in lines)
    # #56B4E9 is the outline, above and to the left; within, dark above and bright below.
    assert "38;2;86;180;233" in lines[0] and "48;2;0;0;0" in lines[5]
    assert "48;2;200;200;200" in lines[15]


def test_a_pipe_works_as_a_script(checkpoint: Path, cohort: Path) -> None:
    image = min((cohort / "images").iterdir())
    program = "import sys; from radvlm.cli import main; sys.argv = sys.argv[1:]; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "radvlm", "chat", str(image), "--model", str(checkpoint)],
        input="/report Typed.\n/nonsense\n",
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert done.returncode == 1 and done.stdout.splitlines()[0] == TOY_SCOPE
    assert "you: /report Typed." in done.stdout and "there is no /nonsense" in done.stdout
    assert "\x1b" not in done.stdout
