"""A table of the paper filled with results: cells, marks, and what must stand below.

A published figure stands in the table only beside a result of the same test set, number of
answers, references and metric. All others stand below with the reason. The best and the second
best of a column are marked where all its figures are comparable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from radvlm.records import Score
from radvlm.tabling.published import Column, PublishedRow, Table
from radvlm.tabling.results import Result

Mark = Literal["", "best", "second"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as it is written; ``value`` none where there is none, and ``text`` says why.

    ``basis`` is the same for cells that may be compared.
    """

    text: str
    value: float | None = None
    interval: tuple[str, str] | None = None
    basis: tuple[str, ...] = ()
    note: str = ""
    mark: Mark = ""


EMPTY = Cell("–")


@dataclass(frozen=True, slots=True)
class Row:
    """A model and its cells, one a column; ``source`` says whose figures they are."""

    model: str
    source: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Below:
    """Published figures that must not stand in the table, and why, by column head."""

    model: str
    source: str
    figures: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """A table ready to be written."""

    number: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    below: tuple[Below, ...]
    footnotes: tuple[str, ...]


def fill(table: Table, results: Sequence[Result]) -> Filled:
    """The table with our results, then the published rows that may stand beside them."""
    ours = [row for group in _by_model(results) for row in _rows(table, group)]
    beside: list[Row] = []
    below: list[Below] = []
    for published in table.rows:
        row, rest = _published(table, published, ours, results)
        beside += [row] if row else []
        below += [rest] if rest else []
    rows = _marked(table.columns, [*ours, *beside])
    heads = tuple(column.head for column in table.columns)
    notes = tuple(_footnotes(table, results))
    return Filled(table.number, table.title, heads, tuple(rows), tuple(below), notes)


def _by_model(results: Sequence[Result]) -> list[list[Result]]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.model].append(result)
    return list(groups.values())


def _rows(table: Table, results: Sequence[Result]) -> Iterator[Row]:
    """One row a model, or several where it has several figures for one column."""
    columns = [[_cell(c, r, s) for r, s in _figures(c, results)] for c in table.columns]
    for cells in zip_longest(*columns, fillvalue=EMPTY):
        yield Row(results[0].model, "", tuple(cells))


def _figures(column: Column, results: Sequence[Result]) -> Iterator[tuple[Result, Score]]:
    for result in results:
        for score in result.scores:
            if column.takes(score.key, result.mixture):
                yield result, score


def _cell(column: Column, result: Result, score: Score) -> Cell:
    if score.value is None:
        return Cell((score.note or "undefined").partition(":")[0], note=score.note or "")
    bounds = [column.shown(column.scale * bound) for bound in score.interval or ()]
    seen = result.contaminated["n"]
    return Cell(
        text=column.shown(column.scale * score.value),
        value=column.scale * score.value,
        interval=(bounds[0], bounds[1]) if bounds else None,
        basis=(score.key, result.data),
        note=f"contaminated: {seen:,} of {result.contaminated['of']:,}" if seen else "",
    )


def _published(
    table: Table, row: PublishedRow, ours: Sequence[Row], results: Sequence[Result]
) -> tuple[Row | None, Below | None]:
    """The part of a published row that may stand in the table, and the part that may not."""
    cells, figures, reasons = [], [], []
    for index, column in enumerate(table.columns):
        value = row.values.get(column.name)
        bases = [r.cells[index].basis for r in ours if r.cells[index].value is not None]
        if value is None:
            cells.append(EMPTY)
            continue
        differing = [(_differs(column, basis, results), basis) for basis in bases]
        same = [basis for why, basis in differing if not why]
        if same:
            cells.append(Cell(column.shown(value), value, basis=same[0]))
            continue
        cells.append(EMPTY)
        figures.append((column.head, column.shown(value)))
        if differing:
            reasons.append(f"{column.head} is of {differing[0][0]}")
    found = any(cell.value is not None for cell in cells)
    standing = Row(row.model, row.by, tuple(cells)) if found else None
    why = tuple(reasons) or ("no result of ours stands beside it",)
    return standing, Below(row.model, row.by, tuple(figures), why) if figures else None


def _differs(column: Column, basis: tuple[str, ...], results: Sequence[Result]) -> str:
    key, data = basis
    (result, score), *_ = [
        (result, score)
        for result in results
        for score in result.scores
        if score.key == key and result.data == data
    ]
    return column.published.differs(result.mixture, score.n_total, key)


def _marked(columns: Sequence[Column], rows: Sequence[Row]) -> list[Row]:
    """Best and second of each column whose figures are all of one basis."""
    marks: dict[tuple[int, int], Mark] = {}
    for index, column in enumerate(columns):
        cells = {k: row.cells[index] for k, row in enumerate(rows)}
        known = {k: cell for k, cell in cells.items() if cell.value is not None}
        shown = {float(cell.text.replace("−", "-")) for cell in known.values()}
        if len({cell.basis for cell in known.values()}) != 1 or len(shown) < 2:
            continue
        best, second = sorted(shown, reverse=not column.lower_is_better)[:2]
        for k, cell in known.items():
            value = float(cell.text.replace("−", "-"))
            if value in (best, second):
                marks[k, index] = "best" if value == best else "second"
    return [
        replace(
            row,
            cells=tuple(
                replace(cell, mark=marks.get((k, index), ""))
                for index, cell in enumerate(row.cells)
            ),
        )
        for k, row in enumerate(rows)
    ]


def _footnotes(table: Table, results: Sequence[Result]) -> Iterator[str]:
    """What each number is: metric, test set, answers, and answers that failed."""
    for column in table.columns:
        said: dict[str, list[str]] = defaultdict(list)
        for result, score in _figures(column, results):
            failed = f", {score.n_failed:,} failed ({result.model})" if score.n_failed else ""
            where = f"{result.mixture} ({result.data}), n = {score.n_total:,}"
            said[f"{score.key} on {where}"].append(failed)
        for text, failures in said.items():
            yield f"{column.head}: {text}{''.join(failures)}"
