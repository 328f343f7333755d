"""The report of a conversation as a file: text, JSON or PDF, never over one that is there."""

from __future__ import annotations

import json
from pathlib import Path

from radvlm.chatting.conversation import Conversation
from radvlm.errors import InputError
from radvlm.io.draw import PALETTE, draw_boxes
from radvlm.io.files import atomic_path
from radvlm.reading.record import NOTICE

KINDS = (".txt", ".json", ".pdf")


def save(talk: Conversation, target: Path) -> None:
    """Write draft and findings; the name's ending says how.

    Raises:
        InputError: another ending, or the file exists.
        OutputError: it cannot be written.
    """
    kind = target.suffix.lower()
    if kind not in KINDS:
        raise InputError("reports are saved as .txt, .json or .pdf", target)
    data = {".txt": _text, ".json": _json, ".pdf": _pdf}[kind](talk)
    _new(target)
    with atomic_path(target, private=True) as aside:
        aside.write_bytes(data)


def draw(talk: Conversation, target: Path) -> int:
    """Write the picture with the boxes of the last reply as PNG; how many boxes.

    Raises:
        InputError: there are no boxes, the name does not end in ``.png``, or the file exists.
    """
    boxes = talk.last_boxes()
    if not boxes:
        raise InputError("the last reply has no boxes")
    if target.suffix.lower() != ".png":
        raise InputError("pictures are written as .png", target)
    _new(target)
    named = [(str(k + 1), box, PALETTE[k % len(PALETTE)]) for k, box in enumerate(boxes)]
    with atomic_path(target, private=True) as aside:
        draw_boxes(talk.seen(), named, min_side=512).save(aside, format="PNG")
    return len(boxes)


def _new(target: Path) -> None:
    if target.exists():
        raise InputError("exists already and is not overwritten", target, "Choose another name")


def _text(talk: Conversation) -> bytes:
    lines = [talk.model.info.scope, NOTICE, "", talk.draft, ""]
    for one, changed in talk.findings():
        side = f" ({one.side})" if one.side else ""
        sure = "" if one.confidence is None else f", confidence {one.confidence:.2f}"
        by = ", changed by a person" if changed else ""
        lines.append(f"{one.name}{side}: {one.status}{sure}{by}")
    return "\n".join(lines).strip().encode() + b"\n"


def _json(talk: Conversation) -> bytes:
    said = {"notice": NOTICE, **talk.as_json()}
    return json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n"


def _pdf(talk: Conversation) -> bytes:
    try:
        from radvlm.serve.paper import report_pdf
    except ModuleNotFoundError as error:
        raise InputError("PDF needs a package", remedy="Install radvlm[serve]") from error
    said = talk.as_json()
    reading = said["reading"]
    for one in reading["findings"] if reading else ():
        one["edited"] = one["name"] in said["changed_by_a_person"]
    return report_pdf(talk.draft, talk.model.info.scope, reading)
