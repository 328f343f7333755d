"""Commands around the draft: show, edit, copy, save; and the files they name."""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from radvlm.chatting import saving
from radvlm.chatting.screen import Session
from radvlm.errors import InputError


def report(session: Session, rest: str) -> None:
    """Show, replace or edit the draft."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if rest:
        session.talk.draft = rest.replace("\\n", "\n")
    elif editor and session.console.is_terminal:
        session.talk.draft = _edited(session.talk.draft, editor)
    session.say(session.talk.draft or "the draft is empty; /read begins one, /report TEXT too", "")


def copy(session: Session, rest: str) -> None:
    """Ask the terminal to put the draft on the clipboard (OSC 52)."""
    if not session.console.is_terminal:
        raise InputError("there is no terminal with a clipboard", remedy="Use /save FILE.txt")
    coded = base64.b64encode(session.talk.draft.encode()).decode()
    session.console.file.write(f"\x1b]52;c;{coded}\x07")
    session.console.file.flush()
    session.say("sent to the clipboard, where the terminal allows it")


def save(session: Session, rest: str) -> None:
    """Write the report."""
    target = path_of(rest)
    saving.save(session.talk, target)
    session.say(f"saved as {target}")


def draw(session: Session, rest: str) -> None:
    """Write the picture with the last boxes."""
    target = path_of(rest)
    count = saving.draw(session.talk, target)
    session.say(f"{count} boxes drawn into {target}")


def path_of(rest: str) -> Path:
    """The file a line names.

    Raises:
        InputError: it names none.
    """
    if not rest:
        raise InputError("a file has to be named")
    return Path(rest).expanduser()


def _edited(draft: str, editor: str) -> str:
    """The draft as it comes back from the editor, from a file that only we can read."""
    with tempfile.TemporaryDirectory(prefix="radvlm-") as folder:
        path = Path(folder, "report.txt")
        path.write_text(draft, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)
            return path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise InputError("the editor failed, and the draft is as it was") from error
