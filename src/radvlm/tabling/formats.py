"""A filled table as Markdown, LaTeX (booktabs), CSV, for the terminal, and as plain values.

Best is bold, second best underlined. Under each table stand the published figures that must not
stand in it, and what each number is.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from rich import box
from rich.markup import escape
from rich.table import Table

from radvlm.tabling.layout import EMPTY, Below, Cell, Filled, Row
from radvlm.tabling.published import literature

Format = Literal["markdown", "latex", "csv"]

NOT_RERUN = "published, not re-run"
NOT_COMPARABLE = "Published, not re-run, and not comparable because"
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "✓": r"$\checkmark$",
    **{sign: rf"\{sign}" for sign in "%_&#${}"},
}


def as_markdown(table: Filled) -> str:
    """A heading, the table, the notes, and what is published but not comparable."""
    marks = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}
    lines = [f"### Table {table.number}: {table.title}", ""]
    lines += _pipes(table, table.rows, marks)
    lines += ["", *(f"- {note}" for note in notes(table)), ""]
    for why, rows in apart(table):
        lines += [f"{NOT_COMPARABLE} {why}.", "", *_pipes(table, rows, marks), ""]
    return "\n".join(lines)


def _pipes(table: Filled, rows: Sequence[Row], marks: Mapping[str, str]) -> list[str]:
    body = [["Model", *table.heads], ["---", *["---:"] * len(table.heads)]]
    for row in rows:
        cells = [marks[cell.mark].format(_number(cell)) for cell in row.cells]
        body.append([_named(row), *cells])
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in body]


def as_latex(table: Filled) -> str:
    """A ``table`` environment that needs booktabs; what is not comparable has its own."""
    said = r" \\ ".join(_tex(note) for note in notes(table))
    text = _tabular(table, table.rows, table.title, said)
    for why, rows in apart(table):
        text += _tabular(table, rows, f"{table.title}. {NOT_COMPARABLE} {why}", "")
    return text


def _tabular(table: Filled, rows: Sequence[Row], caption: str, said: str) -> str:
    marks = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "": "{}"}
    lines = []
    for row in rows:
        cells = [marks[cell.mark].format(_tex(_number(cell))) for cell in row.cells]
        lines.append(" & ".join([_tex(_named(row)), *cells]) + r" \\")
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_tex(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * len(table.heads)}}}",
            r"\toprule",
            " & ".join(["Model", *map(_tex, table.heads)]) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *([rf"\par\footnotesize {said}"] if said else []),
            r"\end{table}",
            "",
        ]
    )


def as_csv(table: Filled) -> str:
    """One line a cell: a spreadsheet can pivot it, a program can read it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = ["table", "model", "source", "figure", "value", "low", "high", "mark", "note"]
    writer.writerow(heads)
    for row in table.rows:
        for head, cell in zip(table.heads, row.cells, strict=True):
            if cell.text != "–":
                value = cell.text if cell.value is not None else ""
                note = cell.note or ("" if cell.value is not None else cell.text)
                source = row.source and NOT_RERUN
                bounds = cell.interval or ("", "")
                writer.writerow(
                    [table.number, row.model, source, head, value, *bounds, cell.mark, note]
                )
    for why, rows in apart(table):
        for row in rows:
            for head, cell in zip(table.heads, row.cells, strict=True):
                if cell.value is not None:
                    reason = f"not comparable because {why}"
                    published = [table.number, row.model, NOT_RERUN, head, cell.text]
                    writer.writerow([*published, "", "", "", reason])
    return out.getvalue()


FORMATS: dict[Format, Callable[[Filled], str]] = {
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
}


def as_rich(table: Filled) -> list[Table]:
    """The table for a terminal, then a table of those that are not comparable, for each reason."""
    parts = [(f"Table {table.number}: {table.title}", list(table.rows))]
    parts += [(f"{NOT_COMPARABLE} {why}", rows) for why, rows in apart(table)]
    return [_rich(table, title, rows) for title, rows in parts]


def _rich(table: Filled, title: str, rows: Sequence[Row]) -> Table:
    styles = {"best": "[bold]{}[/]", "second": "[underline]{}[/]", "": "{}"}
    shown = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("Model", overflow="fold")
    for head in table.heads:
        shown.add_column(head, justify="right", overflow="fold")
    for row in rows:
        cells = [styles[cell.mark].format(escape(_number(cell))) for cell in row.cells]
        shown.add_row(escape(_named(row)), *cells, style="dim" if row.source else "")
    return shown


def as_plain(table: Filled) -> dict[str, Any]:
    """Plain values for JSON."""
    return asdict(table)


def notes(table: Filled) -> list[str]:
    """What the numbers of a table are: metrics, test sets, counts, and what was not run."""
    return [*table.footnotes, *dict.fromkeys(_cell_notes(table))]


def apart(table: Filled) -> list[tuple[str, list[Row]]]:
    """The published figures that are not comparable, by reason."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for below in table.below:
        groups["; ".join(dict.fromkeys(below.reasons))].append(_row_of(table, below))
    return list(groups.items())


def _row_of(table: Filled, below: Below) -> Row:
    figures = dict(below.figures)
    cells = (Cell(figures[h], 0.0) if h in figures else EMPTY for h in table.heads)
    return Row(below.model, below.source, tuple(cells))


def _cell_notes(table: Filled) -> list[str]:
    return [
        f"{row.model}, {head}: {cell.note}"
        for row in table.rows
        for head, cell in zip(table.heads, row.cells, strict=True)
        if cell.note
    ]


def _number(cell: Cell) -> str:
    return f"{cell.text} [{', '.join(cell.interval)}]" if cell.interval else cell.text


def _named(row: Row) -> str:
    """The model, and whose figures they are where not ours."""
    return f"{row.model} ({literature().publications[row.source]})" if row.source else row.model


def _tex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)
