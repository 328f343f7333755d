"""``radvlm chat``: talk about one radiograph in the terminal.

The image is shown to the model once, every later question is a turn of the same chat. ``/draw
FILE`` writes a PNG with the boxes of the last reply, ``/new`` starts over, ``/quit`` ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from radvlm.io.draw import PALETTE, draw_boxes
from radvlm.io.files import atomic_path
from radvlm.io.image import read_image
from radvlm.models.opening import open_model
from radvlm.protocols import Chat, Decoding, Model, Pixels
from radvlm.records import Box, Turn

HELP = "/draw FILE writes the last boxes, /new starts over, /quit ends"


class Conversation:
    """One image and the turns so far; the model's replies become part of them."""

    def __init__(self, model: Model, pixels: Pixels) -> None:
        self.model = model
        self.pixels = pixels
        self.turns: tuple[Turn, ...] = ()

    def ask(self, question: str) -> Iterator[str]:
        """The reply, piece by piece; at the end it joins the conversation."""
        self.turns += (Turn("user", (question,)),)
        said = ""
        for piece in self.model.stream(Chat((self.pixels,), self.turns), Decoding()):
            said += piece
            yield piece
        height, width = self.pixels.shape
        parts, _ = self.model.codec.parse(said.strip(), (width, height))
        self.turns += (Turn("assistant", parts),)

    def last_boxes(self) -> list[Box]:
        """The boxes of the last reply, in order."""
        parts = self.turns[-1].parts if self.turns else ()
        return [box for part in parts if isinstance(part, tuple) for box in part]


def chat_in_terminal(
    checkpoint: Path, image: Path, console: Console, ask: Callable[[str], str] = input
) -> None:
    """Ask and answer until ``/quit`` or the end of input.

    Raises:
        ImageError, CheckpointError: the image or the model cannot be used.
    """
    talk = Conversation(open_model(checkpoint), read_image(image))
    console.print(f"[bold]{talk.model.info.scope}[/]")
    console.print(f"[dim]{HELP}[/]")
    while True:
        try:
            line = ask("you: ").strip()
        except EOFError:
            return
        if line == "/quit":
            return
        if line == "/new":
            talk.turns = ()
        elif line.startswith("/draw"):
            said = draw_last(talk, line.removeprefix("/draw").strip())
            console.print(said, style="dim", markup=False, highlight=False)
        elif line:
            console.print("model: ", end="", style="bold")
            for piece in talk.ask(line):
                console.print(piece, end="", markup=False, highlight=False, soft_wrap=True)
            console.print()


def draw_last(talk: Conversation, name: str) -> str:
    """Write the last reply's boxes into a PNG and say what was done."""
    boxes = talk.last_boxes()
    if not boxes or not name:
        return "the last reply has no boxes, or no file was named"
    named = [(str(k + 1), box, PALETTE[k % len(PALETTE)]) for k, box in enumerate(boxes)]
    with atomic_path(Path(name)) as aside:
        draw_boxes(talk.pixels, named, min_side=512).save(aside, format="PNG")
    return f"{len(boxes)} boxes drawn into {name}"
