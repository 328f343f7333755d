"""The tables of the page: the manifest and what was counted → cells of text with a bar.

Every number goes through ``Disclosure`` here, so that the template has none to give away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radvlm.build.plan import Plan, PlanRow
from radvlm.build.recipe import SPLITS
from radvlm.inspecting.disclosure import FEW, OTHERS, Disclosure
from radvlm.inspecting.survey import LabelCount, TaskCount
from radvlm.records import Status

STATUSES: tuple[Status, ...] = ("present", "uncertain", "absent")
MOST_NAMES = 30
_NO_SPLIT = {"": "no split"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What is written, and how long a bar below it is (0 to 1; none for no bar)."""

    text: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line with its name, a remark below it, and one cell a column."""

    name: str
    cells: tuple[Cell, ...]
    remark: str = ""
    total: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """``columns`` are the headings, the first that of the names; ``wordy`` ones are left-bound."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    wordy: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Stack:
    """How often a name is present, uncertain and absent: in words, and as widths of 0 to 1."""

    words: str
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LabelTable:
    """The names one task has as targets, the most frequent first, one stack a split."""

    task: str
    splits: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Stack, ...]], ...]


def example_table(manifest: Mapping[str, Any], disclosure: Disclosure) -> Table:
    """Examples by row of the mixture, source and split."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for row in manifest["examples"]:
        key = (row["row"], row["task"], row["source"])
        counts.setdefault(key, Counter())[row["split"]] += row["examples"]
    splits = [split for split in SPLITS if any(found[split] for found in counts.values())]
    order = [row["name"] for row in manifest["plan"]]
    rows = [
        (name, _spaced(source if task == name else f"{task}, {source}"), found)
        for (name, task, source), found in sorted(
            counts.items(), key=lambda c: order.index(c[0][0])
        )
    ]
    return _by_column("Examples", "Row", rows, splits, disclosure)


def study_table(
    caption: str, name: str, counts: Mapping[tuple[str, str], int], disclosure: Disclosure
) -> Table:
    """Something known of studies or images (sex, projection), by split: (split, value) → count."""
    totals: Counter[str] = Counter()
    for (_, value), count in counts.items():
        totals[value] += count
    pooled = {value: value if value in disclosure.pooled(totals) else OTHERS for value in totals}
    rows: dict[str, Counter[str]] = {}
    for (split, value), count in counts.items():
        rows.setdefault(pooled[value], Counter())[split] += count
    splits = [s for s in (*SPLITS, "") if any(found[s] for found in rows.values())]
    ordered = sorted(rows.items(), key=lambda r: (-disclosure.value(r[1].total()), r[0]))
    return _by_column(
        caption, name, [(value, "", found) for value, found in ordered], splits, disclosure
    )


def plan_table(manifest: Mapping[str, Any], disclosure: Disclosure) -> Table:
    """What each row had available and kept, beside the published number, and why they differ."""
    plan = Plan(tuple(PlanRow(**row) for row in manifest["plan"]))
    published = any(row.published is not None for row in plan.rows)
    heads = ("Row", "available", "kept", "×", "examples")
    rows = [_plan_row(row, published, disclosure) for row in plan.rows]
    for split, sums in plan.totals.items():
        cells = ["", disclosure.text(sums["unique"]), "", disclosure.text(sums["examples"])]
        cells += [_number(sums["published_unique"]), "", ""] if published else []
        rows.append(Row(f"All of {_spaced(split)}", tuple(map(Cell, cells)), total=True))
    more = ("published", "difference", "why") if published else ()
    return Table("Of one repeat each", (*heads, *more), tuple(rows), frozenset({"why"}))


def quarantine_table(manifest: Mapping[str, Any], disclosure: Disclosure) -> Table:
    """Records that could not be read, by source and reason."""
    rows = []
    for source in dict.fromkeys(row["source"] for row in manifest["quarantine"]):
        reasons: Counter[str] = Counter()
        for row in manifest["quarantine"]:
            reasons[row["reason"]] += row["records"] if row["source"] == source else 0
        for reason, count in disclosure.pooled(+reasons).items():
            rows.append(Row(source, (Cell(reason), Cell(disclosure.text(count)))))
    return Table("Quarantined", ("Source", "reason", "records"), tuple(rows), frozenset({"reason"}))


def label_tables(
    tasks: Sequence[tuple[str, TaskCount]], disclosure: Disclosure
) -> tuple[LabelTable, ...]:
    """The targets of each task that has any, by name, split and status."""
    return tuple(_label_table(task, count, disclosure) for task, count in tasks if count.labels)


def _label_table(task: str, count: TaskCount, disclosure: Disclosure) -> LabelTable:
    """Rare names are summed: those beyond a number, and on a shared page those of few patients."""
    often = sorted(count.labels.items(), key=lambda o: (*_rank(o[1], disclosure), o[0]))
    rows: dict[str, Counter[tuple[Any, Any]]] = {}
    rare: Counter[tuple[Any, Any]] = Counter()
    hidden = 0
    for name, label in often:
        if len(rows) < MOST_NAMES and not (disclosure.share_safe and _few(label)):
            rows[name] = label.statuses
        else:
            rare += label.statuses
            hidden += 1
    if hidden:
        rows[OTHERS if disclosure.share_safe else f"{hidden:,} {OTHERS}"] = rare
    splits = tuple(
        s for s in SPLITS if any(found[s, t] for found in rows.values() for t in STATUSES)
    )
    most = {
        s: max(sum(disclosure.value(found[s, t]) for t in STATUSES) for found in rows.values())
        for s in splits
    }
    return LabelTable(
        task,
        splits,
        tuple(
            (
                name,
                tuple(_stack([found[s, t] for t in STATUSES], most[s], disclosure) for s in splits),
            )
            for name, found in rows.items()
        ),
    )


def _few(label: LabelCount) -> bool:
    return len(label.patients) < FEW or label.statuses.total() < FEW


def _rank(label: LabelCount, disclosure: Disclosure) -> tuple[int, int]:
    """What puts the names most often present first, as far as it may be told."""
    present = sum(label.statuses[split, "present"] for split in SPLITS)
    return -disclosure.value(present), -disclosure.value(label.statuses.total())


def _stack(counts: Sequence[int], most: int, disclosure: Disclosure) -> Stack:
    shares = tuple(disclosure.value(count) / max(most, 1) for count in counts)
    words = [f"{disclosure.text(n)} {s}" for n, s in zip(counts, STATUSES, strict=True) if n]
    return Stack(", ".join(words) or "–", shares)


def _by_column(
    caption: str,
    name: str,
    rows: Sequence[tuple[str, str, Counter[str]]],
    splits: Sequence[str],
    disclosure: Disclosure,
) -> Table:
    """One column a split and one of all, a line of sums below several rows."""
    sums: Counter[str] = Counter()
    for _, _, found in rows:
        sums += found
    most = {s: max(disclosure.value(found[s]) for _, _, found in rows) for s in splits}

    def cells(found: Counter[str], barred: bool) -> Iterable[Cell]:
        for split in splits:
            count = found[split]
            share = disclosure.value(count) / most[split] if barred and count else None
            yield Cell(disclosure.text(count), share)
        if len(splits) > 1:
            yield Cell(disclosure.text(found.total()))

    made = [Row(value, tuple(cells(found, True)), remark) for value, remark, found in rows]
    if len(made) > 1:
        made.append(Row("All", tuple(cells(sums, False)), total=True))
    heads = (name, *(_NO_SPLIT.get(s, s) for s in splits), *(["all"] if len(splits) > 1 else []))
    return Table(caption, heads, tuple(made))


def _plan_row(row: PlanRow, published: bool, disclosure: Disclosure) -> Row:
    kept = disclosure.text(row.kept)
    # Of few examples, their number times the repeats would tell how many they are.
    all_of = f"<{FEW * row.repeat}" if disclosure.hides(row.kept) else disclosure.text(row.examples)
    cells = [disclosure.text(row.available), kept, str(row.repeat), all_of]
    if published:
        cells += [_number(row.published), _difference(row, disclosure), _why(row, disclosure)]
    return Row(row.name, tuple(map(Cell, cells)), _spaced(row.split))


def _difference(row: PlanRow, disclosure: Disclosure) -> str:
    if row.published is None or row.kept == row.published:
        return ""
    if disclosure.hides(row.kept):
        return "–"
    return f"{disclosure.value(row.kept) - row.published:+,}".replace("-", "−")


def _why(row: PlanRow, disclosure: Disclosure) -> str:
    if row.waiting:
        return f"waits for radvlm curate {row.waiting}"
    return ", ".join(f"{disclosure.text(abs(n))} {reason}" for reason, n in row.why.items())


def _spaced(names: str) -> str:
    """Joined names with room to break a line."""
    return names.replace("+", " + ")


def _number(count: int | None) -> str:
    return f"{count:,}" if count else ""
