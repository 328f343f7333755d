"""What a build counts: nothing read, asked, left out or lost goes without a number."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from radvlm.protocols import Quarantined
from radvlm.records import Split

Lost = tuple[str, str]
"""A row of the mixture and why examples of it are not there."""

NOT_CURATED = "not curated"
LEAK_RULE = "leak rule"
WITHHELD = "withheld for another test set"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An example of a row with a cap: its id decides whether it stays."""

    id: str
    digest: int
    source: str


@dataclass(slots=True)
class Tally:
    """Counts of one part of a build; ``add`` joins parts in any order to the same whole.

    Attributes:
        studies: read, after joining what several sources say.
        by_source: studies each source spoke of.
        facts: ``without_split``, ``patient_unknown``, ``withheld``, ``leak_dropped`` studies.
        examples: (row, task, split, source) → examples of all repeats.
        unique: (row, split) → examples of the first repeat.
        lost: (row, split, why) → examples of one repeat that are not there, and why.
        candidates: (row, task, split, repeat) → examples of rows with a cap.
        patients: of each split.
        views_of_unknown: leak keys of unknown patients with their splits.
        overlap: studies of patients in several splits, by what the sources said.
        contaminated: ids of test examples whose patient is in training too.
        content: split → sum of the examples' digests, the same in any order.
    """

    studies: int = 0
    by_source: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    examples: Counter[tuple[str, str, Split, str]] = field(default_factory=Counter)
    unique: Counter[tuple[str, Split]] = field(default_factory=Counter)
    lost: Counter[tuple[str, Split, str]] = field(default_factory=Counter)
    candidates: dict[tuple[str, str, Split, int], list[Candidate]] = field(default_factory=dict)
    patients: Counter[Split] = field(default_factory=Counter)
    views_of_unknown: list[tuple[tuple[str, str], Split]] = field(default_factory=list)
    overlap: Counter[str] = field(default_factory=Counter)
    contaminated: list[str] = field(default_factory=list)
    content: Counter[Split] = field(default_factory=Counter)
    quarantine: list[Quarantined] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count what another part counted."""
        self.studies += other.studies
        for name in ("by_source", "facts", "examples", "unique", "lost", "patients", "overlap"):
            getattr(self, name).update(getattr(other, name))
        self.content.update(other.content)
        for key, found in other.candidates.items():
            self.candidates.setdefault(key, []).extend(found)
        self.views_of_unknown += other.views_of_unknown
        self.contaminated += other.contaminated
        self.quarantine += other.quarantine


def digest_of(row: dict[str, Any]) -> int:
    """What an example says, as a number; where its image lies on this machine is left out."""
    said = orjson.dumps([row["id"], row["messages"], row["objects"]])
    return int.from_bytes(sha256(said).digest()[:16])


def content_hash(total: int, count: int) -> str:
    """The hash of a set of examples from the sum of their digests (mod 2^128) and their number."""
    return sha256(f"{total % (1 << 128):032x}{count}".encode()).hexdigest()[:16]
