"""Real report sentences by reference: drawn by seed, stored without their text, read back by hash.

The reports (Indiana University, CC BY-NC-ND) may not be passed on changed or in parts, so rows hold
the file, the section, offsets and a hash; whoever has the archive can read the sentences.
"""

from __future__ import annotations

import random
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

SECTIONS = ("FINDINGS", "IMPRESSION")
SEED = 20261123

COMPARES = re.compile(
    r"prior|previous|compar|interval|unchanged|stable|again|\bnew\b|since|increas|decreas|wors"
    r"|improv|resol|remain|persist|earlier|no longer|progress|redemonstrat|chronic|\bold\b|\bnow\b"
    r"|chang",
    re.I,
)
"""A net wider than any lexicon: what might speak of another examination."""

ABNORMAL = re.compile(
    r"opaci|infiltrat|airspace|densit|interstiti|marking|mass|nodul|lesion|granulom|edema|congest"
    r"|failure|consolidat|pneumoni|infect|atelecta|collaps|pneumothora|effusion|blunt|fluid"
    r"|thicken|plaque|scar|fractur|deform|tube|line\b|catheter|port\b|pacemaker|wires|lead\b"
    r"|device|cardiomeg|enlarg|widen|tortuo|hernia|emphysem|hyperinfl|copd|calcif|possib|probab"
    r"|likely|may\b|could|suggest|suspic|question|cannot|versus|exclude|concern|consistent with"
    r"|compatible|represent|appear|not seen|without|rather",
    re.I,
)
"""Words of abnormality or of doubt, from general knowledge of reports, none from the labeller."""

_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s|$)|$)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sentence stands: offsets are into the section's text, white space evened out."""

    file: str
    section: str
    start: int
    end: int


def archive() -> Path:
    """The reports, beside a checkout; they are not part of the repository."""
    shared = Path(__file__).parents[3] / "shared"
    return shared / "data/real_cxr/text_only/NLMCXR_reports.tgz"


def read_sections(path: Path) -> dict[tuple[str, str], str]:
    """(file, section) → text of all reports."""
    found: dict[tuple[str, str], str] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.name.endswith(".xml") else None
            if stream is None:
                continue
            for part in ElementTree.parse(stream).iter("AbstractText"):
                label, text = part.get("Label", ""), " ".join((part.text or "").split())
                if label in SECTIONS and text:
                    found[member.name, label] = text
    return found


def sentences(sections: Mapping[tuple[str, str], str]) -> Iterator[tuple[Place, str]]:
    """Each distinct sentence of 3 to 40 words, where it first stands; files sorted."""
    seen = set()
    for (file, section), text in sorted(sections.items()):
        for match in _SENTENCE.finditer(text):
            said = match[0]
            if 3 <= len(said.split()) <= 40 and said.lower() not in seen:
                seen.add(said.lower())
                yield Place(file, section, match.start(), match.end()), said


def draw_priors(sections: Mapping[tuple[str, str], str]) -> list[tuple[Place, str]]:
    """200 sentences: 120 that the net caught, 80 that it did not; the first 100 are open."""
    every = list(sentences(sections))
    caught = [one for one in every if COMPARES.search(one[1])]
    others = [one for one in every if not COMPARES.search(one[1])]
    rng = random.Random(SEED)
    drawn = rng.sample(caught, 120) + rng.sample(others, 80)
    rng.shuffle(drawn)
    return drawn


def draw_labels(sections: Mapping[tuple[str, str], str]) -> list[tuple[Place, str]]:
    """160 sentences: 50 of all, 110 that the net of abnormality caught; the first 80 are open.

    Those drawn for the priors are left out: rules were already written looking at some of them.
    """
    seen = {place for place, _ in draw_priors(sections)}
    every = [one for one in sentences(sections) if one[0] not in seen]
    rng = random.Random(SEED + 1)
    drawn = rng.sample(every, 50)
    taken = {place for place, _ in drawn}
    caught = [one for one in every if one[0] not in taken and ABNORMAL.search(one[1])]
    drawn += rng.sample(caught, 110)
    rng.shuffle(drawn)
    return drawn


def digest(sentence: str) -> str:
    """What a row keeps of a sentence."""
    return sha256(sentence.encode()).hexdigest()[:16]


def read_sentence(sections: Mapping[tuple[str, str], str], row: Mapping[str, Any]) -> str:
    """The sentence of a row.

    Raises:
        ValueError: the archive is another than the one that was annotated.
    """
    text = sections[row["file"], row["section"]][row["start"] : row["end"]]
    if digest(text) != row["sha256"]:
        raise ValueError(f"{row['file']}: the archive holds another text")
    return text
