"""Macro F1 of labels: the mean over names of the F1 of "present" against the rest.

``uncertain`` counts as absent on both sides, and so does a name a readable answer does not say;
only the names in a target's own labels are scored. A name without a single present target under
the weights (in the data, or in a bootstrap resample) is left out of the mean rather than counted
as 0, so its false positives do not show; the published code has 0 there (RadVLM, §4.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import f1, ratio
from radvlm.protocols import Rows
from radvlm.records import Answer


class LabelMacroF1:
    """Rows [n, 3·C]: true positive, false positive, false negative of each name, names sorted.

    The worst row, which an unreadable answer has: every present name missed and every other name
    of the target said.
    """

    key = "label_macro_f1/supported-names,uncertain=absent"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One row an answer; the names are those of the targets' labels."""
        names = sorted({name for target in targets for name in target.labels})
        column = {name: 3 * index for index, name in enumerate(names)}
        rows = np.zeros((len(targets), 3 * len(names)), dtype=np.float64)
        for row, answer, target in zip(rows, answers, targets, strict=True):
            for name, status in target.labels.items():
                present = status == "present"
                said = answer.labels.get(name) == "present" if answer.readable else not present
                row[column[name] : column[name] + 3] = (
                    present and said,
                    said and not present,
                    present and not said,
                )
        return rows

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean F1 over the names with support, [B]; NaN where no name has any."""
        totals = weights @ rows
        true, false, missed = totals[:, 0::3], totals[:, 1::3], totals[:, 2::3]
        supported = true + missed > 0
        scores = np.where(supported, f1(true, false, missed), 0.0)
        return ratio(scores.sum(axis=1), supported.sum(axis=1).astype(np.float64))


class ReportLabelF1(LabelMacroF1):
    """The same figure of labels read from a report's text by the lexical reader, not by a model."""

    key = "report_label_f1/lexical-reader,supported-names,uncertain=absent"
