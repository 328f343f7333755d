"""The page an evaluation ends with: ``PageData`` → one HTML file that opens from disk.

It needs no network, holds no script, and its content security policy forbids both. All text is
escaped. What is about single patients (pictures, conversation, reports) is left out where the
access class of the data does not allow a page, and the page says so.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from radvlm.errors import OutputError
from radvlm.evaluate import page_marks as marks
from radvlm.evaluate.page_data import Comparison, MetricRow, PageData, TaskTable, Verdict
from radvlm.evaluate.plots import SMOOTHED_FROM, loss_curve
from radvlm.io import egress
from radvlm.io.draw import PREDICTED, REFERENCE
from radvlm.io.files import atomic_path
from radvlm.io.progress import duration
from radvlm.records import Score

LIMIT = 5_000_000
"""Bytes; a page that is larger is a burden to send and to open."""

SIDES = (640, 448, 320, 224)
"""Longer side of the pictures in pixels: the largest that keeps the page within the limit."""


def write_page(data: PageData, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises:
        OutputError: it holds so many pictures that it cannot be kept below 5 MB.
    """
    withheld = egress.refusal(data.access, "page", str(path))
    if withheld:
        data = replace(data, pictures=(), conversation=None, reports=())
    text = _fitting(data, withheld, path)
    with atomic_path(path) as aside:
        aside.write_bytes(text)


def render_page(data: PageData, max_side: int = SIDES[0], withheld: str = "") -> str:
    """The page as text; ``withheld`` says why it has no examples, where they were left out."""
    talk, talk_marks = marks.bubbles(data.conversation) if data.conversation else ([], [])
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            data=data,
            withheld=withheld,
            max_side=max_side,
            talk=talk,
            talk_marks=talk_marks,
            loss_svg=loss_curve(data.loss) if data.loss else None,
            smoothed=len(data.loss) >= SMOOTHED_FROM,
            lost=[table for table in data.tables if comparisons(table, "does not beat")],
            open=[table for table in data.tables if comparisons(table, "cannot be told")],
            compared=[table for table in data.tables if comparisons(table)],
            colours={"predicted": PREDICTED, "reference": REFERENCE},
        )
    )


def comparisons(
    table: TaskTable, verdict: Verdict | None = None
) -> list[tuple[MetricRow, Comparison]]:
    """The comparisons of a task with their metrics, all or only those of one verdict."""
    found = [(row, comparison) for row in table.rows for comparison in row.comparisons]
    return [(row, one) for row, one in found if verdict in (None, one.verdict)]


def best(row: MetricRow) -> float | None:
    """The highest value of a row as it is written; none where nothing stands out."""
    values = {round(s.value, 2) for s in row.scores if s is not None and s.value is not None}
    return max(values) if len(values) > 1 else None


def number(value: float) -> str:
    """Two decimals, a true minus sign."""
    return f"{value:.2f}".replace("-", "−")


def signed(score: Score) -> str:
    """A difference with its interval: ``+0.41 [+0.36, +0.46]``.

    Three decimals where two would write a bound as nought that is not.
    """
    if score.value is None:
        return "not computed"
    values = (score.value, *(score.interval or ()))
    digits = 3 if any(v and not round(v, 2) for v in values) else 2
    value, *bounds = (f"{v:+.{digits}f}".replace("-", "−") for v in values)
    return f"{value} [{', '.join(bounds)}]" if bounds else f"{value} (no interval)"


def sentence(comparison: Comparison) -> str:
    """The verdict in words."""
    difference = f"difference {signed(comparison.difference)}"
    if comparison.verdict == "beats":
        return f"{comparison.subject} beats {comparison.baseline}: {difference}"
    if comparison.verdict == "does not beat":
        return f"{comparison.subject} does NOT beat {comparison.baseline}: {difference}"
    pair = f"{comparison.subject} beats {comparison.baseline}"
    return f"cannot be told whether {pair}: {difference}"


def _fitting(data: PageData, withheld: str, path: Path) -> bytes:
    for side in SIDES:
        text = render_page(data, side, withheld).encode("utf-8")
        if len(text) < LIMIT:
            return text
    raise OutputError("the page would be larger than 5 MB", path, "Show fewer pictures on it")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("radvlm.evaluate", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number,
        signed=signed,
        sentence=sentence,
        duration=duration,
        best=best,
        comparisons=comparisons,
        data_uri=marks.data_uri,
        picture_marks=marks.picture_marks,
        picture_alt=marks.picture_alt,
        overlap=marks.overlap,
    )
    return environment
