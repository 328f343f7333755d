"""A black box's score as a linear function of z, from its answers alone, and how far it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radvlm.explain.autoencoder import Codes
from radvlm.explain.intervals import Floats
from radvlm.explain.probes import Head

_FOLDS = 5
_RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
_CLIPPED = 12.0
"""Logits beyond this are certainty, however large; they would rule the fit."""


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A linear stand-in; ``r2`` is the share of variance it explains on answers left out."""

    head: Head
    r2: float
    ridge: float
    n: int


def fit_surrogate(name: str, z: Codes, scores: Floats, weights: Floats | None = None) -> Surrogate:
    """Ridge regression of scores [n] (logits) on codes [n, d]; its strength by cross-validation.

    ``weights`` should be those under which finding and confounders are independent: without them
    what goes along with the finding in the sample takes its share of the score.
    """
    own = np.ones(len(z)) if weights is None else weights
    clipped = np.clip(scores, -_CLIPPED, _CLIPPED)
    folds = np.random.default_rng(0).permutation(len(z)) % _FOLDS
    tried = [(_left_out(z, clipped, own, folds, ridge), ridge) for ridge in _RIDGES]
    r2, ridge = max(tried)
    weight, bias = _ridge(z, clipped, own, ridge)
    return Surrogate(Head(name, weight, bias), float(r2), ridge, len(z))


def _left_out(z: Codes, scores: Floats, own: Floats, folds: np.ndarray, ridge: float) -> float:
    """R² of each score predicted from the folds it is not in."""
    predicted = np.empty(len(z))
    for fold in range(_FOLDS):
        inside = folds != fold
        weight, bias = _ridge(z[inside], scores[inside], own[inside], ridge)
        predicted[~inside] = z[~inside] @ weight + bias
    mean = np.average(scores, weights=own)
    missed = np.average(np.square(scores - predicted), weights=own)
    return float(1 - missed / max(np.average(np.square(scores - mean), weights=own), 1e-12))


def _ridge(z: Codes, scores: Floats, own: Floats, ridge: float) -> tuple[Floats, float]:
    """Weighted ridge regression on standardised codes: weight [d] and bias."""
    codes = z.astype(np.float64)
    mean = np.average(codes, axis=0, weights=own)
    scale = np.sqrt(np.average(np.square(codes - mean), axis=0, weights=own)) + 1e-6
    x = (codes - mean) / scale
    middle = np.average(scores, weights=own)
    gram = (x * own[:, None]).T @ x / own.sum() + ridge * np.eye(x.shape[1])
    weight = np.linalg.solve(gram, (x * own[:, None]).T @ (scores - middle) / own.sum()) / scale
    return weight, float(middle - mean @ weight)
