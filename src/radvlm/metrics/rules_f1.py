"""F1 of the CheXpert labels that the rules of ``chexpert_labels`` read in answer and reference.

For reports where CheXbert's weights are not at hand. An uncertain label counts as present, as in
CheXbert F1, but the reader is another: the two figures must not be set side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.observation_f1 import ObservationF1
from radvlm.metrics.remembered import Last
from radvlm.tasks.chexpert_labels import chexpert_labels
from radvlm.vocabulary import CHEXPERT_13, CHEXPERT_14

_LAST: Last[NDArray[np.bool_]] = Last()
"""The four figures are asked for one by one."""


class RulesMicro14(ObservationF1):
    """The pooled counts of all fourteen labels."""

    names: ClassVar[tuple[str, ...]] = CHEXPERT_14

    def __init__(self) -> None:
        reading = f"{self.average},uncertain=present,unsupported=0"
        self.key = f"report_rules_f1/{len(self.names)},{reading}"

    def present(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """What the rules read, remembered from one figure to the next."""
        said = _LAST.of("rules", texts, lambda: _read(texts))
        return said[:, [CHEXPERT_14.index(name) for name in self.names]]


class RulesMacro14(RulesMicro14):
    """The mean over all fourteen labels."""

    average = "macro"


class RulesMicro13(RulesMicro14):
    """The pooled counts of all labels but No Finding."""

    names = CHEXPERT_13


class RulesMacro13(RulesMicro14):
    """The mean over all labels but No Finding."""

    names = CHEXPERT_13
    average = "macro"


def _read(texts: Sequence[str]) -> NDArray[np.bool_]:
    said = np.zeros((len(texts), len(CHEXPERT_14)), dtype=np.bool_)
    for row, text in zip(said, texts, strict=True):
        for name, status in chexpert_labels(text).items():
            row[CHEXPERT_14.index(name)] = status != "absent"
    return said
