"""What the page of an evaluation shows, as plain records; nothing here knows of markup.

Figures are ``Score`` records, so every number on the page says its count and its interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from radvlm.protocols import Pixels
from radvlm.records import Access, Box, Score, Turn

Verdict = Literal["beats", "does not beat", "cannot be told"]

RESEARCH_ONLY = "For research use only. Not a medical device; not for diagnosis or treatment."


@dataclass(frozen=True, slots=True)
class Comparison:
    """``subject`` minus ``baseline`` on the same examples, with the interval of the difference."""

    subject: str
    baseline: str
    difference: Score

    @property
    def verdict(self) -> Verdict:
        """Beats only where the whole interval is above zero; no interval, no verdict."""
        if self.difference.value is None or self.difference.interval is None:
            return "cannot be told"
        return "beats" if self.difference.interval[0] > 0 else "does not beat"


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric (higher is better) in every column; none where a column has no such figure."""

    label: str
    key: str
    scores: tuple[Score | None, ...]
    comparisons: tuple[Comparison, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class TaskTable:
    """The figures of one task; ``columns`` are the conditions, the model in question last.

    The first metric that is compared, or else the first of all, stands for the task in short.
    """

    task: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[MetricRow, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.scores) != len(self.columns):
                raise ValueError(f"{self.task}: {row.key} needs one score a column")


@dataclass(frozen=True, slots=True)
class RegionBar:
    """Average precision at IoU 0.5 of one anatomical region, each in 0…1 or none, for n boxes."""

    region: str
    trained: float | None
    mean_box: float | None
    n: int


NamedBox = tuple[str, Box]


@dataclass(frozen=True, slots=True)
class Picture:
    """A question about one radiograph, what was answered and what is true."""

    pixels: Pixels
    task: str
    question: str
    answer: str
    predicted: tuple[NamedBox, ...] = ()
    true: tuple[NamedBox, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """One whole conversation about one radiograph; boxes stand among the parts of its turns."""

    pixels: Pixels
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class ReportPair:
    """A report the model wrote beside the one it is compared with."""

    generated: str
    reference: str
    pixels: Pixels | None = None


@dataclass(frozen=True, slots=True)
class LossPoint:
    """Loss (nats a token) and learning rate (fraction of its peak) after so many samples."""

    samples: int
    loss: float
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of what was run and how long it took."""

    name: str
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """How the figures came about. Mappings are shown in their order."""

    steps: tuple[Step, ...] = ()
    counts: Mapping[str, int | str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Commit, hardware, seeds, data hash: whatever is needed to repeat the run."""
    recipes: Mapping[str, str] = field(default_factory=dict)
    """Name → YAML text."""
    commands: tuple[tuple[str, str], ...] = ()
    """(what it does, command line) to try next."""


@dataclass(frozen=True, slots=True)
class PageData:
    """Everything on the page. ``scope`` is its first line; ``access`` the data's strictest class.

    Parts left empty have no section. ``examples_note`` says how the examples were chosen.
    """

    title: str
    scope: str
    access: Access
    run: Run
    tables: tuple[TaskTable, ...] = ()
    regions: tuple[RegionBar, ...] = ()
    pictures: tuple[Picture, ...] = ()
    conversation: Conversation | None = None
    reports: tuple[ReportPair, ...] = ()
    loss: tuple[LossPoint, ...] = ()
    examples_note: str = ""
    notice: str = RESEARCH_ONLY
    lead: str = ""
    """A sentence or two under the title: what model, what data, when."""
