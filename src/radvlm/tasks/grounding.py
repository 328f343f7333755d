"""Wording and reading shared by the questions that ask where something is."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from radvlm.records import Answer, Box, Part, Turn
from radvlm.tasks.wording import boxes_in, filled, named, text_of, with_boxes, written

QUESTIONS = ("Where is the {}?", "Locate the {}.", "Show the {}.", "Find the {}.")
PLACES = ("The {} is at <>.", "It is at <>.", "At <>.")
ABSENT = ("The {} is not visible.", "No {} is visible.")
_ABSENT_SAID = re.compile(r"\b(?:no|not|nothing|absent|without)\b", re.IGNORECASE)


def say_place(rng: random.Random, name: str, words: str, boxes: Sequence[Box]) -> Turn:
    """An answer that points at the boxes of a name, written as ``words``."""
    parts = with_boxes(filled(rng, PLACES, words), boxes)
    return Turn("assistant", parts, named(name, boxes))


def say_absent(rng: random.Random, name: str, words: str) -> Turn:
    """An answer that there is none."""
    return Turn("assistant", (filled(rng, ABSENT, words),), Answer(labels={name: "absent"}))


def read_place(parts: Sequence[Part], question: Sequence[Part], names: Sequence[str]) -> Answer:
    """Boxes for the name asked about, else its absence, else unreadable.

    The name is the longest of ``names`` the question holds; where it holds none, the question's
    own words stand for it.
    """
    asked = text_of(question).lower()
    held = [name for name in names if written(name).lower() in asked]
    name = max(held, key=len) if held else asked.strip(" .?")
    text, boxes = text_of(parts).strip(), boxes_in(parts)
    if boxes:
        found = tuple((name, box, None) for box in boxes)
        return Answer(text, {name: "present"}, found)
    absent = bool(_ABSENT_SAID.search(text))
    return Answer(text, {name: "absent"} if absent else {}, readable=absent)
