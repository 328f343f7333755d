"""What a line that begins with a slash does: one function a command, and the table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from rich.table import Table

from radvlm.chatting import drafting, screen
from radvlm.chatting.conversation import HERE
from radvlm.chatting.drafting import path_of
from radvlm.chatting.screen import Session
from radvlm.errors import InputError, RecordError
from radvlm.io.window import Window
from radvlm.records import Box, Status


@dataclass(frozen=True, slots=True)
class Command:
    """A command: how it is written, what it does, the function."""

    usage: str
    about: str
    run: Callable[[Session, str], None]


def read(session: Session, rest: str) -> None:
    """Read the image and show report and findings."""
    with session.console.status("Reading the image"):
        found = session.talk.read(force=rest == "force")
    if not found.accepted:
        raise InputError(f"not read: {found.refusal}", remedy="/read force reads it all the same")
    if found.refusal:
        session.say(f"read although {found.refusal}", "yellow")
    session.say(found.report, "")
    findings(session, "")
    for line in found.contradictions:
        session.say(f"contradiction: {line}", "yellow")


def findings(session: Session, rest: str) -> None:
    """Show the findings, and their boxes on the picture."""
    talk = session.talk
    if talk.reading is None:
        raise InputError("the image has not been read yet", remedy="Use /read")
    boxes = [
        (one.name, box)
        for one, _ in talk.findings()
        if one.status == "present"
        for box in one.boxes
    ]
    if boxes and screen.can_draw(session.console):
        session.console.print(screen.view(talk, boxes, session.console))
    session.console.print(screen.findings_table(talk))


def status(session: Session, rest: str) -> None:
    """Change what is said of a finding."""
    number, _, name = rest.partition(" ")
    wanted = next((one for one in get_args(Status) if one == name.strip()), None)
    if not number.isdigit() or wanted is None:
        raise InputError("a number and present, absent or uncertain are needed")
    session.talk.edit(int(number), wanted)
    session.console.print(screen.findings_table(session.talk))


def box(session: Session, rest: str) -> None:
    """Ask about a place."""
    words = rest.replace(",", " ").split(maxsplit=4)
    try:
        place = Box(*map(float, words[:4]))
    except (RecordError, TypeError, ValueError):
        raise InputError("a box is x1 y1 x2 y2, fractions of the image from its top left") from None
    if screen.can_draw(session.console):
        session.console.print(screen.view(session.talk, [("here", place)], session.console))
    session.answer(words[4] if words[4:] else HERE, place)


def show(session: Session, rest: str) -> None:
    """Show the image with the boxes of the last reply."""
    boxes = [("", one) for one in session.talk.last_boxes()]
    if not screen.can_draw(session.console) and not boxes:
        raise InputError("this terminal shows no pictures", remedy="Use /draw FILE.png")
    session.console.print(screen.view(session.talk, boxes, session.console))


def window(session: Session, rest: str) -> None:
    """Look through another window; the model does not."""
    if rest == "off":
        session.talk.set_window(None)
    elif rest:
        try:
            center, width = map(float, rest.split())
        except ValueError:
            raise InputError("a window is a centre and a width, or off") from None
        session.talk.set_window(Window(center, width))
    stored, own = session.talk.stored, session.talk.window
    if stored is None:
        raise InputError("a picture of 8 bits has no window")
    now, (low, high) = own or stored.window, stored.extent()
    session.say(f"window {now.center:g} {now.width:g}; values from {low:g} to {high:g}")
    if rest and screen.can_draw(session.console):
        show(session, "")


def invert(session: Session, rest: str) -> None:
    """Turn black and white round, for the eye alone."""
    session.talk.inverted = not session.talk.inverted
    session.say("shown inverted" if session.talk.inverted else "shown as it is")
    if screen.can_draw(session.console):
        show(session, "")


def prior(session: Session, rest: str) -> None:
    """Show an earlier image beside."""
    session.talk.set_prior(path_of(rest))
    if session.talk.reads_priors:
        session.say("the earlier image is shown beside, and the model is given it as well")
    else:
        session.say("the earlier image is shown beside; this model reads one image and not that")
    if screen.can_draw(session.console):
        show(session, "")


def suggest(session: Session, rest: str) -> None:
    """List questions; a number alone asks one."""
    for k, question in enumerate(session.talk.suggestions()):
        session.say(f"{k + 1}  {question}")


def new(session: Session, rest: str) -> None:
    """Forget the questions so far."""
    session.talk.turns = ()
    session.say("a new conversation about the same image")


def help_(session: Session, rest: str) -> None:
    """List the commands."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for command in COMMANDS.values():
        table.add_row(f"[bold]{command.usage}[/]", command.about)
    table.add_row("[bold]N[/]", "ask the suggested question of that number")
    table.add_row("[bold]/quit[/]", "end; so does the end of input")
    session.console.print(table)


COMMANDS: dict[str, Command] = {
    "/read": Command("/read", "report, findings, boxes; with force, any image", read),
    "/findings": Command("/findings", "the findings again", findings),
    "/status": Command(
        "/status N present|absent|uncertain", "change what is said of a finding", status
    ),
    "/box": Command("/box x1 y1 x2 y2 QUESTION", "ask about a place, or what is there", box),
    "/suggest": Command("/suggest", "questions worth asking", suggest),
    "/show": Command("/show", "the image, with the boxes of the last reply", show),
    "/window": Command("/window CENTRE WIDTH", "look through another window; off: own", window),
    "/invert": Command("/invert", "black for white, for the eye alone", invert),
    "/prior": Command("/prior FILE", "an earlier image beside", prior),
    "/report": Command(
        "/report", "the draft in $EDITOR; /report TEXT replaces it", drafting.report
    ),
    "/copy": Command("/copy", "the draft to the clipboard", drafting.copy),
    "/save": Command("/save FILE.txt|.json|.pdf", "report and findings as a file", drafting.save),
    "/draw": Command("/draw FILE.png", "the picture with the last boxes", drafting.draw),
    "/new": Command("/new", "forget the questions so far", new),
    "/help": Command("/help", "this list", help_),
}
