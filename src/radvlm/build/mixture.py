"""The rows of a mixture asked of one study: which rows apply, which examples come out.

Every example's randomness comes from its own study, task, repeat and the seed, so it is the same
alone, in a part of the data set and in any number of processes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from radvlm import registry
from radvlm.build.recipe import TaskChoice
from radvlm.protocols import Task
from radvlm.records import FRONTAL, Example, Study


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the recipe with its task made."""

    name: str
    choice: TaskChoice
    task: Task

    def applies(self, study: Study) -> bool:
        """Whether the row is asked of this study."""
        source = self.choice.source
        return study.split in self.choice.splits and (source is None or source in study.sources)

    def views(self, study: Study) -> int:
        """Frontal views of the study that the row may be about."""
        wanted = self.choice.projections or FRONTAL
        return sum(v.projection in wanted and v.projection in FRONTAL for v in study.views)


def make_rows(tasks: Mapping[str, TaskChoice]) -> list[Row]:
    """The rows in the recipe's order.

    Raises:
        RegistryError: a task of that name does not exist.
    """
    return [
        Row(name, choice, registry.resolve("tasks", choice.task or name)(**choice.options))
        for name, choice in tasks.items()
    ]


def ask(study: Study, row: Row, repeat: int, seed: int) -> Iterator[Example]:
    """The examples of one study for one row and repeat, ids set."""
    rng = random.Random(f"{seed}|{row.name}|{study.family}|{study.id}|{repeat}")
    source = row.choice.source
    wanted = row.choice.projections
    for ordinal, example in enumerate(row.task.ask(study, rng)):
        if wanted and not all(view.projection in wanted for view in example.views):
            continue
        named = source or example.source
        key = example_id(example, named, repeat, ordinal, seed)
        yield Example(
            id=key,
            task=example.task,
            source=named,
            family=example.family,
            patient=example.patient,
            split=row.choice.into or example.split,
            access=example.access,
            views=example.views,
            turns=example.turns,
            sex=example.sex,
            age=example.age,
        )


def example_id(example: Example, source: str, repeat: int, ordinal: int, seed: int) -> str:
    """Hash of task, source, view ids, repeat (with the ordinal within it) and seed."""
    views = ",".join(view.id for view in example.views)
    key = f"{example.task}|{source}|{example.family}|{views}|{repeat}.{ordinal}|{seed}"
    return hashlib.sha256(key.encode()).hexdigest()[:16]
