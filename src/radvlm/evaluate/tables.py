"""Scores as tables for the terminal and for Markdown, and as JSON.

A row is a figure, a column a condition (untrained, blind, majority, trained …); every cell holds
the value and its 95 % interval by patient, every row its number of answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from radvlm.io.jsonl import score_to_json
from radvlm.records import Score

Columns = Mapping[str, Sequence[Score]]
"""Condition → its scores."""


def scores_as_table(scores: Sequence[Score] | Columns) -> Table:
    """A Rich table of one list of scores, or of several, one column a condition."""
    header, *body = _cells(_columns(scores))
    table = Table(title="95 % interval by patient; research use only")
    for index, name in enumerate(header):
        table.add_column(escape(name), justify="left" if index == 0 else "right")
    for row in body:
        table.add_row(*map(escape, row))
    return table


def scores_as_markdown(scores: Sequence[Score] | Columns) -> str:
    """The same table in Markdown."""
    header, *body = _cells(_columns(scores))
    rule = ["---", *["---:"] * (len(header) - 1)]
    rows = [[cell.replace("|", "\\|") for cell in row] for row in (header, rule, *body)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def scores_as_json(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Plain values of the scores, in order."""
    return [score_to_json(score) for score in scores]


def cell(score: Score | None) -> str:
    """``0.512 [0.450, 0.570]``, with the failed answers where there are any."""
    if score is None:
        return "–"
    missing = score.note or "undefined"
    value = missing if score.value is None else f"{score.value:.3f}"
    bounds = f" [{score.interval[0]:.3f}, {score.interval[1]:.3f}]" if score.interval else ""
    failed = f" ({score.n_failed} failed)" if score.n_failed else ""
    return value + bounds + failed


def _columns(scores: Sequence[Score] | Columns) -> Columns:
    return scores if isinstance(scores, Mapping) else {"value": scores}


def _cells(columns: Columns) -> list[list[str]]:
    """Header and rows; the figures in the order in which they first occur."""
    by_key = {name: {s.key: s for s in scores} for name, scores in columns.items()}
    keys = list(dict.fromkeys(s.key for scores in columns.values() for s in scores))
    rows = [["figure", "n", *columns]]
    for key in keys:
        found = [by_key[name].get(key) for name in columns]
        counts = sorted({score.n_total for score in found if score})
        rows.append([key, "/".join(map(str, counts)), *map(cell, found)])
    return rows
