"""Several models on the same questions: every figure of each, and the differences from the first.

In: one condition of each evaluation folder, all of the same examples. Out: rows with scores,
differences and p-values, corrected (Holm) for how many differences are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from radvlm.errors import InputError
from radvlm.evaluate.browse_data import Evaluation
from radvlm.evaluate.comparing import Comparison, compare
from radvlm.evaluate.score import Measured
from radvlm.evaluate.statistics import holm, patient_of
from radvlm.io.jsonl import score_from_json
from radvlm.records import Score


@dataclass(frozen=True, slots=True)
class Difference:
    """Another model minus the first, with p corrected for all differences looked at."""

    found: Comparison
    p: float | None = None

    @property
    def verdict(self) -> str:
        """``higher``, ``lower`` or ``cannot be told``, of the other model, at 0.05."""
        if self.p is None or self.p >= 0.05 or self.found.difference is None:
            return "cannot be told"
        return "higher" if self.found.difference > 0 else "lower"


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure: the score of each model, and the difference of each but the first."""

    key: str
    scores: tuple[Score | None, ...]
    differences: tuple[Difference | None, ...]
    lower_is_better: bool


def model_name(found: Evaluation) -> str:
    """``name@revision`` of what answered."""
    made = found.entry["model"]
    return " + ".join(f"{one['name']}@{one['revision'][:7]}" for one in made)


def check_same(evaluations: Sequence[Evaluation]) -> None:
    """Answers are compared pair by pair, so the examples must be the same.

    Raises:
        InputError: fewer than two evaluations, or not of the same examples.
    """
    if len(evaluations) < 2:
        raise InputError("one model cannot be compared", remedy="Name two or more")
    first, *others = evaluations
    for other in others:
        if other.head["data"] != first.head["data"]:
            raise InputError(
                "was not asked the same examples as the first",
                other.recipe.out,
                "Evaluate both with the same data, split, tasks and limit",
            )


def compare_all(
    evaluations: Sequence[Evaluation], samples: int = 2000, seed: int = 0
) -> list[FigureRow]:
    """A row for each figure that the first evaluation has; absent elsewhere is none."""
    by_key = [{one.key: one for one in found.measured} for found in evaluations]
    said = [{s["key"]: score_from_json(s) for s in found.entry["scores"]} for found in evaluations]
    rows = []
    for key in said[0]:
        measured = [found.get(key) for found in by_key]
        pairs = [_compare(measured[0], other, samples, seed) for other in measured[1:]]
        scores = tuple(found.get(key) for found in said)
        rows.append(FigureRow(key, scores, tuple(pairs), "lower-is-better" in key))
    return _corrected(rows)


def _compare(
    first: Measured | None, other: Measured | None, samples: int, seed: int
) -> Difference | None:
    """None where one of them has no rows: a judge's score, or a metric that was not run."""
    if first is None or other is None or first.metric is None:
        return None
    if first.rows is None or other.rows is None:
        return None
    clusters = [patient_of(item.example) for item in first.items]
    found = compare(first.metric, other.rows, first.rows, clusters, samples=samples, seed=seed)
    return Difference(found)


def _corrected(rows: Sequence[FigureRow]) -> list[FigureRow]:
    """Holm's correction over every difference of the page that has a p."""
    places = [
        (r, d, one.found.p_exchange)
        for r, row in enumerate(rows)
        for d, one in enumerate(row.differences)
        if one is not None and one.found.p_exchange is not None
    ]
    corrected = dict(
        zip([place[:2] for place in places], holm([p for *_, p in places]), strict=True)
    )
    return [
        replace(
            row,
            differences=tuple(
                None if one is None else replace(one, p=corrected.get((r, d)))
                for d, one in enumerate(row.differences)
            ),
        )
        for r, row in enumerate(rows)
    ]
