"""CheXbert F1 of reports: which observations CheXbert reads in the answer and in the reference.

An uncertain observation counts as present and a blank one as absent (``f1chexbert``'s reading, that
of most papers). All fourteen observations or the five of Chexpert's competition (Irvin 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.chexbert import OBSERVATIONS, PRESENT, UNCERTAIN, load
from radvlm.metrics.observation_f1 import ObservationF1
from radvlm.metrics.remembered import Last

FIVE = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")

_LAST: Last[NDArray[np.int64]] = Last()
"""The four figures are asked for one by one."""


class CheXbertMicro14(ObservationF1):
    """The pooled counts of all fourteen observations."""

    names: ClassVar[tuple[str, ...]] = OBSERVATIONS

    def __init__(self) -> None:
        self.key = f"chexbert_f1/{len(self.names)},{self.average},uncertain=present,unsupported=0"
        self._model = load()
        self._columns = [OBSERVATIONS.index(name) for name in self.names]

    def present(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """What the network reads, remembered from one figure to the next."""
        statuses = _LAST.of("chexbert", texts, lambda: self._model.statuses(texts))
        return np.isin(statuses[:, self._columns], (PRESENT, UNCERTAIN))


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
