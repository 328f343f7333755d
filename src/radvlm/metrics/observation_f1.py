"""F1 of the observations that a reader finds in a report and in its reference.

What the reader takes for present is its own matter. ``micro`` pools the counts of all observations;
``macro`` is the mean over observations, where one that nobody mentions has F1 0, as in
``f1chexbert``. So a macro figure over few reports is low by construction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import f1
from radvlm.metrics.texts import mended, scorable
from radvlm.protocols import Rows
from radvlm.records import Answer

Floats = NDArray[np.float64]

_MOST = 100_000
"""Characters of a reference that are looked at; far more than any report has."""


class ObservationF1(ABC):
    """Rows [n, 3·C + 1]: true, false positive and missed of each observation; the count 1.

    An answer that cannot be read has every observation of its reference missed, and every other
    said. One whose reference cannot be read has every observation said.
    """

    names: ClassVar[tuple[str, ...]]
    average: ClassVar[str] = "micro"
    key: str

    @abstractmethod
    def present(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each text says each of ``names``: [texts, C]."""

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer, of what ``answer.text`` and ``target.text`` say."""
        kept = scorable(answers, targets, self.key)
        texts = [mended(target.text[:_MOST]) for target in targets]
        texts += [mended(answers[index].text) for index in kept]
        present = self.present(texts)
        wanted = present[: len(targets)]
        said = ~wanted
        said[kept] = present[len(targets) :]
        return counted(wanted, said)

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """F1 0…1 [B]; NaN where all weights are 0."""
        return averaged(rows, weights, self.average)


def counted(wanted: NDArray[np.bool_], said: NDArray[np.bool_]) -> Rows:
    """Rows [n, 3·C + 1] of two tables [n, C]: hits, false alarms and misses; the count 1."""
    counts = np.stack((said & wanted, said & ~wanted, wanted & ~said), axis=2)
    rows = np.ones((len(wanted), 3 * wanted.shape[1] + 1), dtype=np.float64)
    rows[:, :-1] = counts.reshape(len(wanted), 3 * wanted.shape[1])
    return rows


def averaged(rows: Rows, weights: Floats, average: str) -> Floats:
    """F1 [B] of such rows; an observation without hit, false alarm or miss has 0."""
    totals = weights @ rows
    counts = totals[:, :-1].reshape(len(weights), totals.shape[1] // 3, 3)
    if average == "micro":
        counts = counts.sum(axis=1, keepdims=True)
    scores = np.nan_to_num(f1(counts[..., 0], counts[..., 1], counts[..., 2]))
    return np.where(totals[:, -1] > 0, scores.mean(axis=1), np.nan)
