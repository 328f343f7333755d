"""The loop of ``radvlm chat``: a line is a question, a command or a suggestion's number.

With a script on standard input there is no prompt, each line is repeated before its answer, and
the loop tells whether all of them were understood.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from radvlm.chatting import screen
from radvlm.chatting.commands import COMMANDS
from radvlm.chatting.conversation import Conversation
from radvlm.chatting.screen import Session
from radvlm.errors import InputError, RadvlmError
from radvlm.models.domain import read_domain
from radvlm.models.opening import opened
from radvlm.reading.record import NOTICE
from radvlm.records import Box

Ask = Callable[[], str]


def chat_in_terminal(checkpoint: Path, image: Path, console: Console, ask: Ask) -> bool:
    """Ask and answer until ``/quit`` or the end of input; whether every line was understood.

    Args:
        checkpoint: a checkpoint folder, or the description of a served model.
        image: PNG, JPEG or DICOM.
        console: where to write.
        ask: brings the next line; ``EOFError`` at the end.

    Raises:
        ImageError, CheckpointError: the image or the model cannot be used.
    """
    with console.status("Loading the model") as waiting, opened(checkpoint, "private") as model:
        domain = read_domain(checkpoint) if checkpoint.is_dir() else None
        talk = Conversation(model, image, domain)
        waiting.stop()
        console.print(f"[bold]{screen.plain(model.info.scope)}[/]", highlight=False)
        console.print(f"{NOTICE} /help lists what can be done.", style="dim", highlight=False)
        session = Session(talk, console, lambda *asked: answer(talk, console, *asked))
        if screen.can_draw(console):
            console.print(screen.view(talk, [], console))
        return _loop(session, ask)


def lines(console: Console) -> Ask:
    """The lines of a person at a terminal, or of a script."""
    if sys.stdin.isatty() and console.is_terminal:
        import readline  # noqa: F401  # gives the prompt editing and history

        return lambda: input("you: ")

    def next_line() -> str:
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        console.print(f"you: {screen.plain(line.rstrip())}", markup=False, highlight=False)
        return line

    return next_line


def _loop(session: Session, ask: Ask) -> bool:
    understood = True
    while True:
        try:
            line = ask().strip()
        except EOFError:
            return understood
        if line == "/quit":
            return understood
        try:
            _do(session, line)
        except KeyboardInterrupt:
            session.say("\nstopped")
        except RadvlmError as error:
            understood = False
            session.say(str(error), "yellow")


def _do(session: Session, line: str) -> None:
    suggestions = session.talk.suggestions()
    if line.isdigit() and 1 <= int(line) <= len(suggestions):
        line = suggestions[int(line) - 1]
        session.say(line)
    if not line.startswith("/"):
        if line:
            session.answer(line)
        return
    name, _, rest = line.partition(" ")
    if name not in COMMANDS:
        raise InputError(f"there is no {name[:20]}", remedy="/help lists what there is")
    COMMANDS[name].run(session, rest.strip())


def answer(talk: Conversation, console: Console, question: str, box: Box | None = None) -> None:
    """Write the reply as it comes, then the picture with its boxes."""
    console.print("model: ", end="", style="bold")
    for piece in talk.ask(question, box):
        said = screen.plain(piece)
        console.print(said, end="", markup=False, highlight=False, soft_wrap=True)
    console.print()
    if boxes := talk.last_boxes():
        console.print(screen.view(talk, [("", one) for one in boxes], console))
