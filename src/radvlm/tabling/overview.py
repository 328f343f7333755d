"""Tables 1 and 2: what a mixture holds beside the paper's, and what each model can do.

In: manifests of built data sets, and the models of results. Out: ``layout.Filled``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radvlm.tabling.layout import EMPTY, Below, Cell, Filled, Row
from radvlm.tabling.published import literature
from radvlm.tabling.results import Result

_TASKS = {
    "report": "Report",
    "classification": "Classification",
    "grounding": "Grounding",
    "conversation": "Conversation",
}
YES, NO = "✓", "–"


def table_1(manifests: Sequence[Mapping[str, Any]]) -> Filled:
    """The rows of the mixtures: kept, repeats, examples, and the paper's number of each."""
    rows: list[Row] = []
    for manifest in manifests:
        planned = manifest["plan"]
        rows += [_planned(manifest["mixture"], row) for row in planned]
        sums = [sum(row[name] for row in planned) for name in ("kept", "examples")]
        published = sum(row["published"] or 0 for row in planned)
        cells = (Cell(""), _count(sums[0]), Cell(""), _count(sums[1]), _count(published), Cell(""))
        rows.append(Row(f"{manifest['mixture']}: all rows", "", cells))
    heads = ("Source", "Pairs", "×", "Examples", "Paper's pairs", "Difference and why")
    return Filled("1", "Instruction data set", heads, tuple(rows), (), ())


def _planned(mixture: str, row: Mapping[str, Any]) -> Row:
    published = row["published"]
    difference = "" if published is None else f"{row['kept'] - published:+,}"
    why = ", ".join(f"{abs(n):,} {cause}" for cause, n in row["why"].items())
    if row["waiting"]:
        why = f"waiting for curation ({row['waiting']})"
    said = f"{difference} ({why})" if why else difference
    cells = (
        Cell(row["source"]),
        _count(row["kept"]),
        Cell(str(row["repeat"])),
        _count(row["examples"]),
        EMPTY if published is None else _count(published),
        Cell("" if difference in ("", "+0") else said),
    )
    return Row(f"{mixture}: {row['name']}", "", cells)


def table_2(results: Sequence[Result]) -> Filled:
    """What the paper says of the models, and the tasks our results measure each model on."""
    rows = [Row(model, "", _ours(tasks)) for model, tasks in _measured(results).items()]
    known = literature().capabilities
    for one in known:
        done = (Cell(YES if name in one.tasks else NO) for name in _TASKS)
        rows.append(Row(one.model, "radvlm", (Cell(one.size), _count(one.pairs), *done)))
    heads = ("Size", "Pairs", *_TASKS.values())
    notes = [f"{one.model}: {one.note}" for one in known if one.note]
    notes.append("Of our results: the tasks that were measured.")
    below: tuple[Below, ...] = ()
    return Filled("2", "Functional capabilities", heads, tuple(rows), below, tuple(notes))


def _measured(results: Sequence[Result]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for result in results:
        tasks = {score.key.partition("/")[0] for score in result.scores}
        found.setdefault(result.model, set()).update(tasks)
    return found


def _ours(tasks: set[str]) -> tuple[Cell, ...]:
    done = (any(kind in task for task in tasks) for kind in _TASKS)
    return (EMPTY, EMPTY, *(Cell(YES if one else NO) for one in done))


def _count(number: int) -> Cell:
    return Cell(f"{number:,}")
