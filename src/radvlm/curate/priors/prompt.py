"""A report edited by a language model: what it is asked, and its reply."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from radvlm.llm.calls import Message, Request, data_message


class Edited(BaseModel):
    """The reply of the model."""

    model_config = ConfigDict(extra="forbid")

    text: str


def request(report: str) -> Request:
    """What the model is asked of a report, which reaches it as JSON data alone."""
    instruction: Message = {"role": "system", "content": instructions()}
    return Request((instruction, data_message({"report": report})), Edited)


@cache
def instructions() -> str:
    """The system turn."""
    folder = files("radvlm.curate.priors") / "prompts"
    return (folder / "edit.txt").read_text(encoding="utf-8")


def digest() -> str:
    """Hash of the instructions, which travels with what was written by them."""
    return sha256(instructions().encode()).hexdigest()[:12]
