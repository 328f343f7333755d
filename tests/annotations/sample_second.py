"""A second draw of real report sentences, disjoint from the first, stored without their text.

The first draw has already been looked at by those who wrote rules, so that a score on it says less
with every look. This one starts from sentences the first left alone. Reading and splitting are the
first draw's, so that both mean the same by a sentence.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import sample as first

SEED = 86450
"""Stated before the draw; the labels' draw uses the next number."""

COMPARES = re.compile(
    r"prior|previous|compar|interval|unchanged|stable|stabil|again|\bnew\b|newly|since|increas"
    r"|decreas|wors|improv|resol|remain|persist|earlier|no longer|progress|redemonstrat|re-?demon"
    r"|chronic|\bold\b|\bnow\b|chang|follow|recent|still|continu|develop|clear(?:ed|ing)",
    re.I,
)
"""A broad net: whatever might speak of another examination, and much that does not."""

DOUBTS = re.compile(
    r"opaci|infiltrat|airspace|air space|densit|interstiti|marking|mass|nodul|lesion|granulom"
    r"|edema|congest|vascular|failure|chf|consolidat|pneumoni|infect|atelect|collaps|pneumothora"
    r"|effusion|blunt|fluid|thicken|plaque|scar|fibro|fractur|deform|tube|\bline|cathet|\bport\b"
    r"|picc|pacer|pacemaker|icd|wires|sternotomy|lead|device|hardware|clips|cardiomeg|enlarg|silhou"
    r"|mediastin|widen|emphysem|possib|probab|likely|\bmay\b|might|could|suggest|suspic|question"
    r"|cannot|exclu|versus|\bor\b|concern|consistent|compatible|represent|appear|rather|without",
    re.I,
)
"""Words of abnormality, of the parts it is told of, or of doubt; from reading reports, no code."""


def draw_priors(archive: Path) -> list[tuple[first.Place, str]]:
    """200 sentences: 120 that the net of comparisons caught and 80 others; first 100 are open."""
    fresh = _fresh(archive)
    rng = random.Random(SEED)
    caught = [one for one in fresh if COMPARES.search(one[1])]
    others = [one for one in fresh if not COMPARES.search(one[1])]
    drawn = rng.sample(caught, 120) + rng.sample(others, 80)
    rng.shuffle(drawn)
    return drawn


def draw_labels(archive: Path) -> list[tuple[first.Place, str]]:
    """180 sentences, none of the priors' draw: 60 of all, 120 of doubt; the first 90 are open."""
    taken = {place for place, _ in draw_priors(archive)}
    fresh = [one for one in _fresh(archive) if one[0] not in taken]
    rng = random.Random(SEED + 1)
    drawn = rng.sample(fresh, 60)
    taken |= {place for place, _ in drawn}
    drawn += rng.sample([o for o in fresh if o[0] not in taken and DOUBTS.search(o[1])], 120)
    rng.shuffle(drawn)
    return drawn


def rows(drawn: list[tuple[first.Place, str]]) -> Iterator[tuple[str, str, int, int, str]]:
    """(file, section, start, end, text) of each, in the order of the draw."""
    for place, text in drawn:
        yield place.file, place.section, place.start, place.end, text


def read_sentence(archive: Path, row: Mapping[str, Any]) -> str:
    """The sentence of a row; raises ValueError where the archive holds another text than read."""
    return first.read_sentence(_sections(archive), row)


def _fresh(archive: Path) -> list[tuple[first.Place, str]]:
    """What the first draw left: otherwise its open half would leak into this one's held half."""
    sections = _sections(archive)
    known = {place for place, _ in first.draw_priors(sections) + first.draw_labels(sections)}
    return [one for one in first.sentences(sections) if one[0] not in known]


@cache
def _sections(archive: Path) -> dict[tuple[str, str], str]:
    """Opening the archive takes seconds; rows are read by the hundred."""
    return first.read_sections(archive)
