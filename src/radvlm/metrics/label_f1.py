"""F1 of the labels an answer lists, over CheXpert's fixed names, and how normal images fare.

Fixed names make figures of test sets comparable: one without a single present target counts as 0
(the published code's zero division, RadVLM §4.1), where ``label_macro_f1`` leaves it out. Beside
the answers as read stands the published code's plain match of names, which takes "no pneumothorax"
for a pneumothorax and misses "small effusion". Uncertain counts as absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import mean
from radvlm.metrics.observation_f1 import averaged, counted
from radvlm.protocols import Rows
from radvlm.records import Answer
from radvlm.vocabulary import CHEXPERT_13, CHEXPERT_14, NO_FINDING, SUPPORT_DEVICES

Floats = NDArray[np.float64]
_FINDINGS = frozenset(CHEXPERT_13) - {SUPPORT_DEVICES}


class LabelMacro13:
    """Rows [n, 3·C + 1]: hit, false alarm and miss of each name; the count 1.

    Only names in a target's own labels are held against its answer. An unreadable answer misses
    every present name and says every other name of its target. "No Finding", where the target does
    not state it, is present if none of twelve findings known is.
    """

    names: ClassVar[tuple[str, ...]] = CHEXPERT_13
    average: ClassVar[str] = "macro"
    reading: ClassVar[str] = "label_f1"

    def __init__(self) -> None:
        policy = f"{self.average},uncertain=absent,unsupported=0"
        self.key = f"{self.reading}/{len(self.names)},{policy}"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer."""
        wanted = np.zeros((len(targets), len(self.names)), dtype=np.bool_)
        said = np.zeros_like(wanted)
        for row, (answer, target) in enumerate(zip(answers, targets, strict=True)):
            labels = _with_normal(target)
            for column, name in enumerate(self.names):
                if name in labels:
                    wanted[row, column] = labels[name] == "present"
                    heard = self.says(answer, name) if answer.readable else not wanted[row, column]
                    said[row, column] = heard
        return counted(wanted, said)

    def says(self, answer: Answer, name: str) -> bool:
        """Whether an answer that could be read lists the name."""
        return _with_normal(answer).get(name) == "present"

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """F1 0…1 [B]; NaN where all weights are 0."""
        return averaged(rows, weights, self.average)


class LabelMicro13(LabelMacro13):
    """The pooled counts of all labels but No Finding."""

    average = "micro"


class LabelMacro14(LabelMacro13):
    """The mean over all fourteen labels."""

    names = CHEXPERT_14


class LabelMicro14(LabelMacro13):
    """The pooled counts of all fourteen labels."""

    names = CHEXPERT_14
    average = "micro"


class KeywordMacro13(LabelMacro13):
    """The published code's figure: a name counts as said where it stands in the text."""

    reading = "keyword_f1"

    def says(self, answer: Answer, name: str) -> bool:
        """Whether the name stands in the text, whatever is said of it."""
        return name.lower() in answer.text.lower()


class ExactNormal:
    """Rows [n, 2]: of an image without any present label, whether nothing was said; and 1.

    F1 is blind to such images: a right "no abnormality" adds nothing to any count.
    """

    key = "exact_normal/no-label-present"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """Zeros for targets with a present label."""
        rows = np.zeros((len(targets), 2), dtype=np.float64)
        for row, answer, target in zip(rows, answers, targets, strict=True):
            if len(target.labels) > 1 and not _present(target):
                row[:] = (answer.readable and not _present(answer), 1)
        return rows

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """The share of normal images called so, [B]; NaN where there are none."""
        return mean(rows, weights)


def _present(answer: Answer) -> set[str]:
    return {n for n, status in answer.labels.items() if status == "present"} - {NO_FINDING}


def _with_normal(answer: Answer) -> dict[str, str]:
    """The labels, and what they say of "No Finding" where at least one finding is spoken of."""
    labels: dict[str, str] = dict(answer.labels)
    if NO_FINDING not in labels and not _FINDINGS.isdisjoint(labels):
        abnormal = any(labels.get(name) == "present" for name in _FINDINGS)
        labels[NO_FINDING] = "absent" if abnormal else "present"
    return labels
