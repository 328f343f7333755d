"""One pass over a built data set: its examples and studies → counters, and a few random examples.

Nothing but counters of bounded size is kept, however many examples there are. Boxes are counted in
fixed bins: areas as a share of the image (``AREA_EDGES``), sides as width over height, both as
fractions of the image (``ASPECT_EDGES``), and centres on a grid of ``CELLS`` cells a side.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from radvlm.build.recipe import SPLITS
from radvlm.inspecting.disclosure import FEW
from radvlm.inspecting.sample import Sample
from radvlm.io.dataset import examples_of, studies_of
from radvlm.io.progress import Bar
from radvlm.records import Answer, Box, Example, Split, Status, Study, Turn

CELLS = 16
AREA_EDGES = tuple(10 ** (k / 4 - 4) for k in range(17))
"""A ten-thousandth of the image to all of it, four bins to a factor of ten."""
ASPECT_EDGES = tuple(2 ** (k / 3 - 3) for k in range(19))
"""One to eight up to eight to one, three bins to a factor of two."""
AGE_STEP, AGE_TOP = 5, 90
"""Years a bin; the last holds everybody older, as rules on identification want it."""
UNKNOWN = "not known"

Length = Literal["question", "answer", "rounds", "boxes"]
LENGTHS: tuple[Length, ...] = ("question", "answer", "rounds", "boxes")
T = TypeVar("T")
_TOLD_EVERY = 500


@dataclass(slots=True)
class LabelCount:
    """How often a name is a target, by split and status, and the first few patients it is of."""

    statuses: Counter[tuple[Split, Status]] = field(default_factory=Counter)
    patients: set[tuple[str, str]] = field(default_factory=set)

    def add(self, example: Example, status: Status) -> None:
        """Count it once for this example."""
        self.statuses[example.split, status] += 1
        if len(self.patients) < FEW:
            shown = next((view.id for view in example.views), example.id)
            self.patients.add((example.family, example.patient or shown))


@dataclass(slots=True)
class BoxCount:
    """Where the boxes of the answers are and how large, in the module's bins."""

    total: int = 0
    areas: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(AREA_EDGES) - 1, np.int64)
    )
    aspects: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(ASPECT_EDGES) - 1, np.int64)
    )
    centres: NDArray[np.int64] = field(default_factory=lambda: np.zeros((CELLS, CELLS), np.int64))
    """[row from the top, column from the left]."""

    def add(self, box: Box) -> None:
        """Count one box; what lies beyond the outer edges goes into the outer bins."""
        width, height = box.x2 - box.x1, box.y2 - box.y1
        self.total += 1
        self.areas[_bin(4 * (math.log10(width * height) + 4), len(self.areas))] += 1
        self.aspects[_bin(3 * (math.log2(width / height) + 3), len(self.aspects))] += 1
        row, column = (box.y1 + box.y2) / 2 * CELLS, (box.x1 + box.x2) / 2 * CELLS
        self.centres[_bin(row, CELLS), _bin(column, CELLS)] += 1


@dataclass(slots=True)
class TaskCount:
    """What the examples of one task hold; lengths are in words, or in rounds or boxes."""

    examples: Counter[tuple[Split, str]] = field(default_factory=Counter)
    """(split, source) → examples."""
    lengths: dict[Length, Counter[int]] = field(
        default_factory=lambda: {name: Counter() for name in LENGTHS}
    )
    labels: dict[str, LabelCount] = field(default_factory=dict)
    boxes: BoxCount = field(default_factory=BoxCount)

    def add(self, example: Example) -> None:
        """Count one example."""
        self.examples[example.split, example.source] += 1
        rounds = 0
        for turn in example.turns:
            if turn.role == "user":
                self.lengths["question"][_words(turn)] += 1
            elif turn.role == "assistant":
                rounds += 1
                self.lengths["answer"][_words(turn)] += 1
                self._add_boxes(turn)
                self._add_labels(example, turn.target)
        self.lengths["rounds"][rounds] += 1

    def _add_boxes(self, turn: Turn) -> None:
        boxes = [box for part in turn.parts if not isinstance(part, str) for box in part]
        self.lengths["boxes"][len(boxes)] += 1
        for box in boxes:
            self.boxes.add(box)

    def _add_labels(self, example: Example, target: Answer | None) -> None:
        for name, status in target.labels.items() if target else ():
            self.labels.setdefault(name, LabelCount()).add(example, status)


@dataclass(slots=True)
class StudyCount:
    """Who is on the images, by split (empty for a study in none)."""

    total: int = 0
    sexes: Counter[tuple[str, str]] = field(default_factory=Counter)
    projections: Counter[tuple[str, str]] = field(default_factory=Counter)
    ages: Counter[int] = field(default_factory=Counter)
    """Age in whole bins of ``AGE_STEP`` years → studies; unknown ages are left out."""

    def add(self, study: Study) -> None:
        """Count one study."""
        split = study.split or ""
        self.total += 1
        self.sexes[split, study.sex or UNKNOWN] += 1
        for view in study.views:
            self.projections[split, view.projection] += 1
        if study.age is not None:
            self.ages[_bin(study.age / AGE_STEP, AGE_TOP // AGE_STEP + 1)] += 1


@dataclass(slots=True)
class Survey:
    """Everything counted; ``samples`` holds the random examples of each task."""

    tasks: dict[str, TaskCount] = field(default_factory=dict)
    studies: StudyCount = field(default_factory=StudyCount)
    samples: dict[str, Sample] = field(default_factory=dict)


def survey(
    folder: Path, total: int, *, per_task: int, seed: int, progress: Bar | None = None
) -> Survey:
    """Read all of a data set once.

    Args:
        folder: the data set.
        total: examples and studies there should be, for the progress.
        per_task: random examples of each task.
        seed: the same seed draws the same examples.
        progress: told how far it is.

    Raises:
        TableError: a shard is missing or damaged.
    """
    found = Survey()
    records = (one for split in SPLITS for one in examples_of(folder, split))
    for example in _told(records, 0, total, "examples", progress):
        found.tasks.setdefault(example.task, TaskCount()).add(example)
        found.samples.setdefault(example.task, Sample(per_task, seed)).offer(example)
    done = sum(sum(task.examples.values()) for task in found.tasks.values())
    for study in _told(studies_of(folder), done, total, "studies", progress):
        found.studies.add(study)
    return found


def _told(
    records: Iterable[T], start: int, total: int, note: str, progress: Bar | None
) -> Iterator[T]:
    for done, record in enumerate(records, start + 1):
        yield record
        if progress is not None and done % _TOLD_EVERY == 0:
            progress(min(done, total), total, note=note)


def _words(turn: Turn) -> int:
    return sum(len(part.split()) for part in turn.parts if isinstance(part, str))


def _bin(position: float, count: int) -> int:
    return min(max(int(position), 0), count - 1)
