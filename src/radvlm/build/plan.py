"""What a mixture holds, row by row, beside the numbers a paper gives, and why they differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from radvlm.build.recipe import BuildRecipe, TaskChoice
from radvlm.build.tally import Tally

UNREADABLE = "unreadable"
MORE = "more than published"
ELSEWHERE = "not in this copy of the release"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One row of the mixture; all but ``examples`` are of one repeat.

    ``why`` explains published minus kept to the unit: its values add up to the difference.
    """

    name: str
    task: str
    source: str
    split: str
    available: int
    kept: int
    repeat: int
    examples: int
    published: int | None
    why: dict[str, int]
    waiting: str | None

    @property
    def difference(self) -> int | None:
        """Kept minus published."""
        return None if self.published is None else self.kept - self.published


@dataclass(frozen=True, slots=True)
class Plan:
    """All rows, in the recipe's order."""

    rows: tuple[PlanRow, ...]

    @property
    def waiting(self) -> list[str]:
        """Rows that ask for curated text none of which is there."""
        return [row.name for row in self.rows if row.waiting]

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """Of each split: examples with and without repeats, ours and the published ones."""
        found: dict[str, dict[str, int]] = {}
        for row in self.rows:
            published = row.published or 0
            mine = {
                "unique": row.kept,
                "examples": row.examples,
                "published_unique": published,
                "published_examples": published * row.repeat,
            }
            so_far = found.get(row.split, dict.fromkeys(mine, 0))
            found[row.split] = {key: so_far[key] + value for key, value in mine.items()}
        return found


def plan_of(tally: Tally, recipe: BuildRecipe) -> Plan:
    """The plan of what was counted; caps are applied."""
    examples: Counter[str] = Counter()
    for (row, _, _, _), count in tally.examples.items():
        examples[row] += count
    unread = Counter(item.source for item in tally.quarantine)
    return Plan(
        tuple(
            _row(name, choice, tally, examples[name], unread)
            for name, choice in recipe.tasks.items()
        )
    )


def _row(
    name: str, choice: TaskChoice, tally: Tally, examples: int, unread: Counter[str]
) -> PlanRow:
    available = sum(tally.unique[name, split] for split in choice.splits)
    kept = sum(min(tally.unique[name, s], choice.cap or available) for s in choice.splits)
    lost: Counter[str] = Counter()
    for (row, _, why), count in tally.lost.items():
        if row == name:
            lost[why] += count
    source = choice.source
    lost[UNREADABLE] = sum(unread.values()) if source is None else unread[source]
    return PlanRow(
        name=name,
        task=choice.task or name,
        source=source or "all",
        split=choice.into or "+".join(choice.splits),
        available=available,
        kept=kept,
        repeat=choice.repeat,
        examples=examples,
        published=choice.published,
        why={} if choice.published is None else _why(choice.published - kept, lost),
        waiting=choice.curated if choice.curated and not available else None,
    )


def _why(missing: int, lost: Counter[str]) -> dict[str, int]:
    """Split the missing examples among what was lost, in that order; the rest is elsewhere."""
    if missing < 0:
        return {MORE: missing}
    why = {}
    for reason, count in lost.items():
        if part := min(count, missing):
            why[reason] = part
            missing -= part
    return {**why, **({ELSEWHERE: missing} if missing else {})}
