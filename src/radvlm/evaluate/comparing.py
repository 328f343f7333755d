"""Two models on the same questions, and one model trained several times.

In: the rows of a metric for each (the same answers in the same order), and the patient of each row.
Out: the difference with its interval and two p-values, or the mean over seeds with an interval that
holds both the patients' and the seeds' spread.

The bootstrap asks how far the difference could be from another sample of patients; the exchange
test (a permutation test: which model gave a patient's answers is decided by a coin; for a mean this
is the sign-flip test) asks how often models that do not differ would look so different.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from radvlm.errors import InputError
from radvlm.evaluate.statistics import Floats, resample_all, two_sided_p
from radvlm.metrics.resampling import interval
from radvlm.protocols import Metric, Rows

_BLOCK = 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """``first`` minus ``second``; none where the figure or its spread is undefined.

    ``effect`` is the difference in standard deviations of a patient's difference (Cohen's d of
    paired samples), got from the bootstrap, so that any metric has it; it does not grow with the
    number of patients. Both p are two-sided, of "the models do not differ".
    """

    first: float | None
    second: float | None
    difference: float | None
    interval: tuple[float, float] | None
    effect: float | None
    p_bootstrap: float | None
    p_exchange: float | None
    patients: int


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """One figure of several runs that differ in their seed alone; ``spread`` is their sd."""

    values: tuple[float, ...]
    mean: float
    spread: float | None
    interval: tuple[float, float] | None


def compare(
    metric: Metric,
    first: Rows,
    second: Rows,
    clusters: Sequence[Hashable],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare the rows [n, k] of two models; both are resampled with the same patients.

    Raises:
        InputError: they are not of the same number of answers.
    """
    _check_lengths([first, second], clusters)
    one, two = resample_all(
        [lambda w: metric.reduce(first, w), lambda w: metric.reduce(second, w)],
        clusters,
        samples,
        seed,
    )
    differences = one - two
    defined = not np.isnan(differences[0]) and len(differences) > 1
    spread = float(np.nanstd(differences[1:], ddof=1)) if defined else 0.0
    return Comparison(
        first=_defined(one[0]),
        second=_defined(two[0]),
        difference=_defined(differences[0]),
        interval=interval(differences[1:]) if defined else None,
        effect=float(differences[0]) / spread / len(set(clusters)) ** 0.5 if spread > 0 else None,
        p_bootstrap=two_sided_p(differences[1:]) if defined else None,
        p_exchange=exchange_p(metric, first, second, clusters, samples=samples, seed=seed),
        patients=len(set(clusters)),
    )


def exchange_p(
    metric: Metric,
    first: Rows,
    second: Rows,
    clusters: Sequence[Hashable],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> float | None:
    """Two-sided p of an exchange of the models' answers, patient by patient, with + 1.

    Holds for any metric, not only for means. None where the difference is undefined.
    """
    rows = _stacked(first, second)
    codes = {cluster: code for code, cluster in enumerate(sorted(set(clusters), key=repr))}
    member = [codes[cluster] for cluster in clusters]

    def difference(own: Floats) -> Floats:
        """For whether [B, n] the answers stay with their model."""
        one, other = np.hstack([own, 1 - own]), np.hstack([1 - own, own])
        return metric.reduce(rows, one) - metric.reduce(rows, other)

    seen = float(difference(np.ones((1, len(clusters))))[0])
    if np.isnan(seen) or len(codes) < 2:
        return None
    rng = np.random.default_rng((seed, 1))
    reached = total = 0
    for start in range(0, samples, _BLOCK):
        size = min(_BLOCK, samples - start)
        kept = rng.integers(0, 2, size=(size, len(codes))).astype(np.float64)
        drawn = difference(kept[:, member])
        # Equal sums may differ in their last digits, and must count as reached.
        reached += int((np.abs(drawn) >= abs(seen) - 1e-12).sum())
        total += int((~np.isnan(drawn)).sum())
    return (1 + reached) / (1 + total)


def over_seeds(
    figures: Sequence[Callable[[Floats], Floats]],
    clusters: Sequence[Hashable],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> OverSeeds:
    """One figure of several runs on the same answers: mean, spread over seeds, interval of both.

    The interval is of the bootstrapped mean over runs, to each of which an error of the seeds is
    added: their standard error times a draw of Student's t, as a few seeds tell little of their
    spread. With one run it is the patients' alone.

    Raises:
        InputError: there is no run, or the figure is undefined for one.
    """
    values = resample_all(figures, clusters, samples, seed)
    if not len(values) or np.isnan(values[:, 0]).any():
        raise InputError("a figure over seeds needs runs in which it is defined")
    means = values.mean(axis=0)
    runs = len(values)
    spread = float(values[:, 0].std(ddof=1)) if runs > 1 else None
    if spread is not None:
        rng = np.random.default_rng((seed, 2))
        means[1:] += spread / np.sqrt(runs) * rng.standard_t(runs - 1, size=len(means) - 1)
    return OverSeeds(
        values=tuple(float(value) for value in values[:, 0]),
        mean=float(values[:, 0].mean()),
        spread=spread,
        interval=interval(means[1:]),
    )


def _stacked(first: Rows, second: Rows) -> Rows:
    """Both models' rows, one under the other; ``coco_ap`` has columns by the longest answer."""
    width = max(first.shape[1], second.shape[1])
    wide = [
        np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=np.nan)
        for rows in (first, second)
    ]
    return np.vstack(wide)


def _check_lengths(rows: Sequence[Rows], clusters: Sequence[Hashable]) -> None:
    if any(len(one) != len(clusters) for one in rows):
        counts = " and ".join(str(len(one)) for one in rows)
        raise InputError(
            f"{counts} answers cannot be compared", remedy="Compare answers to the same examples"
        )


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
