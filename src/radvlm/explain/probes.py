"""Linear probes on z: one logistic regression an attribute, and its AUC on new patients.

A probe is also a direction: ``logit = z · weight + bias``. Attributes that go together in a cohort
are told apart by inverse-probability weights (``decorrelation``).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from radvlm.errors import InputError
from radvlm.explain.autoencoder import Codes
from radvlm.explain.images import Column
from radvlm.explain.intervals import Floats
from radvlm.metrics.calibration import auroc
from radvlm.metrics.resampling import interval, patient_weights


@dataclass(frozen=True, slots=True)
class Head:
    """A linear model on z, weight float64 [d]."""

    name: str
    weight: Floats
    bias: float

    def logit(self, z: Codes) -> Floats:
        """Its score of codes [n, d], [n]."""
        return np.asarray(z.astype(np.float64) @ self.weight + self.bias)


@dataclass(frozen=True, slots=True)
class Tested:
    """AUC of a probe on patients it has not seen, its interval, and how many there were.

    There is none where test patients all have the attribute, or all have not.
    """

    auc: float | None
    interval: tuple[float, float] | None
    n: int
    positives: int
    learned_from: int

    def usable(self, chance: float) -> bool:
        """Whether claims may rest on it: its interval does not reach down to chance."""
        return self.interval is not None and self.interval[0] > chance

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "value": self.auc,
            "interval": list(self.interval) if self.interval else None,
            "n": self.n,
            "positives": self.positives,
            "learned_from": self.learned_from,
        }


def fit_head(
    name: str, z: Codes, column: Column, ridge: float, weights: Floats | None = None
) -> Head:
    """Logistic regression with a quadratic penalty, on codes [n, d] and values 1, 0, NaN [n].

    Args:
        name: the attribute.
        z: codes; they are standardised within.
        column: what is known; rows that are not known are left out.
        ridge: strength of the penalty, relative to the mean loss.
        weights: of the rows, or none for equal ones.

    Raises:
        InputError: the attribute has no example of one of its classes.
    """
    known = ~np.isnan(column)
    truth = column[known]
    for value, kind in ((1, "positive"), (0, "negative")):
        if not (truth == value).any():
            raise InputError(
                f"has no {kind} example to learn from",
                f"attribute {name}",
                "Leave it out, add images, or close the name for a source",
            )
    codes = z[known].astype(np.float64)
    mean, scale = codes.mean(axis=0), codes.std(axis=0) + 1e-6
    own = np.ones(len(truth)) if weights is None else weights[known]
    own = own * len(own) / own.sum()
    model = LogisticRegression(C=1 / (ridge * len(truth)), max_iter=500)
    model.fit((codes - mean) / scale, truth, sample_weight=own)
    weight = model.coef_[0] / scale
    return Head(name, weight, float(model.intercept_[0] - mean @ weight))


def examined(
    scores: Floats,
    column: Column,
    patients: Sequence[Hashable],
    samples: int,
    learned_from: int,
    seed: int = 0,
) -> Tested:
    """AUC of scores [n] against what is known, with the interval of resampled patients."""
    known = np.flatnonzero(~np.isnan(column))
    rows = np.stack([scores[known], column[known]], axis=1)
    value = float(auroc(rows, np.ones((1, len(known))))[0])
    drawn = patient_weights([patients[int(k)] for k in known], samples, seed)
    ends = None if np.isnan(value) else interval(auroc(rows, drawn))
    auc = None if np.isnan(value) else value
    return Tested(auc, ends, len(known), int(column[known].sum()), learned_from)


def fit_heads(
    z: Codes, columns: Mapping[str, Column], ridge: float, weights: Floats | None = None
) -> tuple[dict[str, Head], dict[str, str]]:
    """Heads by name, and why those are missing that could not be fitted."""
    heads, refused = {}, {}
    for name, column in columns.items():
        try:
            heads[name] = fit_head(name, z, column, ridge, weights)
        except InputError as error:
            refused[name] = error.what
    return heads, refused


def known_rows(columns: Mapping[str, Column]) -> NDArray[np.bool_]:
    """Rows of which every column is known."""
    return np.asarray(~np.isnan(np.stack(list(columns.values()))).any(axis=0))
