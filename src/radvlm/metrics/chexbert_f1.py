"""CheXbert F1 of reports: which observations CheXbert reads in the answer and in the reference.

An uncertain observation counts as present and a blank one as absent (``f1chexbert``'s reading, that
of most papers). All fourteen observations or the five of Chexpert's competition (Irvin 2019);
``micro`` pools the counts, ``macro`` is the mean over observations, where one that nobody mentions
has F1 0, as in ``f1chexbert``. So a macro figure over few reports is low by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.chexbert import OBSERVATIONS, PRESENT, UNCERTAIN, load
from radvlm.metrics.counts import f1
from radvlm.metrics.remembered import Last
from radvlm.metrics.texts import mended, scorable
from radvlm.protocols import Rows
from radvlm.records import Answer

Floats = NDArray[np.float64]

FIVE = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")

_MOST = 100_000
"""Characters of a reference that are looked at; far more than the network takes."""

_LAST: Last[NDArray[np.int64]] = Last()
"""The four figures are asked for one by one."""


class CheXbertMicro14:
    """Rows [n, 3·C + 1]: true, false positive and missed of each observation; the count 1.

    An answer that cannot be read has every observation of its reference missed, and every other
    said. One whose reference cannot be read has every observation said.
    """

    names: ClassVar[tuple[str, ...]] = OBSERVATIONS
    average: ClassVar[str] = "micro"

    def __init__(self) -> None:
        self.key = f"chexbert_f1/{len(self.names)},{self.average},uncertain=present,unsupported=0"
        self._model = load()
        self._columns = [OBSERVATIONS.index(name) for name in self.names]

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer, of the labels of ``answer.text`` and ``target.text``."""
        kept = scorable(answers, targets, self.key)
        texts = [mended(target.text[:_MOST]) for target in targets]
        texts += [mended(answers[index].text) for index in kept]
        statuses = _LAST.of("chexbert", texts, lambda: self._model.statuses(texts))
        present = np.isin(statuses[:, self._columns], (PRESENT, UNCERTAIN))
        wanted = present[: len(targets)]
        said = ~wanted
        said[kept] = present[len(targets) :]
        counts = np.stack((said & wanted, said & ~wanted, wanted & ~said), axis=2)
        rows = np.ones((len(targets), 3 * len(self.names) + 1), dtype=np.float64)
        rows[:, :-1] = counts.reshape(len(targets), 3 * len(self.names))
        return rows

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """F1 0…1 [B]; NaN where all weights are 0."""
        totals = weights @ rows
        counts = totals[:, :-1].reshape(len(weights), len(self.names), 3)
        if self.average == "micro":
            counts = counts.sum(axis=1, keepdims=True)
        scores = np.nan_to_num(f1(counts[..., 0], counts[..., 1], counts[..., 2]))
        return np.where(totals[:, -1] > 0, scores.mean(axis=1), np.nan)


class CheXbertMacro14(CheXbertMicro14):
    """The mean over all fourteen observations."""

    average = "macro"


class CheXbertMicro5(CheXbertMicro14):
    """The pooled counts of five observations."""

    names = FIVE


class CheXbertMacro5(CheXbertMicro14):
    """The mean over five observations."""

    names = FIVE
    average = "macro"
