"""Who wrote the texts that reports are compared with: a part of a report figure's name.

A report scores better against a text from which the mentions of earlier examinations were taken
out, and against another model's words differently again; figures with unlike references are not
comparable. ``raw`` is what radiologists wrote, ``rules@…`` and ``local:MODEL@…`` were edited
(the hash is that of the rules or of the prompt), ``released`` came with a published data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMPARED_WITH_TEXT = frozenset({"report"})
"""Tasks whose figures compare the answer with a text of the data set."""

RAW = ("raw",)
RELEASED = "llava_json"


def references_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The writers of a data set's texts, from its manifest, sorted; ``raw`` where none edited."""
    found = {_tag(one) for one in manifest.get("written_by", [])}
    if any(RELEASED in (one["name"], one["family"]) for one in manifest["sources"]):
        found.add("released")
    return tuple(sorted(found)) or RAW


def key_of(task: str, metric: str, references: tuple[str, ...]) -> str:
    """The full name of a figure: ``report/rouge_l/stemmed,refs=rules@9a979b344337``."""
    if task in COMPARED_WITH_TEXT:
        return f"{task}/{metric},refs={'+'.join(references)}"
    return f"{task}/{metric}"


def _tag(writer: Mapping[str, Any]) -> str:
    name = f"local:{writer['model']}" if writer["editor"] == "llm" else writer["editor"]
    return f"{name}@{writer['digest']}"
