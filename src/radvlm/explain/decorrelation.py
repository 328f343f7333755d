"""Weights that make attributes independent, covariance of z under them, and directions in z.

Real cohorts are confounded: devices go with findings. A covariance taken from such a pool drags the
device along with the finding and invents a shortcut for a model that has none. Inverse-probability
weights (Robins et al. 2000) undo that: a row counts Π P(a_j) / P(a_1, …, a_k).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radvlm.errors import InputError
from radvlm.explain.autoencoder import Codes
from radvlm.explain.images import Column
from radvlm.explain.intervals import Floats
from radvlm.explain.probes import Head
from radvlm.explain.recipe import Direction


@dataclass(frozen=True, slots=True)
class Decorrelated:
    """Weights [n] of mean 1 (0 where something is not known) and what they cost.

    ``effective`` is Kish's effective number of rows, ``empty`` the combinations nobody shows, which
    no weighting can replace.
    """

    weights: Floats
    effective: float
    empty: int


def decorrelate(columns: Mapping[str, Column]) -> Decorrelated:
    """Weights under which the attributes are independent, each as common as it is.

    Raises:
        InputError: no row has all of them known.
    """
    table = np.stack(list(columns.values()), axis=1)
    known = ~np.isnan(table).any(axis=1)
    if not known.any():
        raise InputError("no image has all of these known", f"attributes {', '.join(columns)}")
    shown = table[known].astype(int)
    cells, member = np.unique(shown, axis=0, return_inverse=True)
    joint = np.bincount(member) / len(shown)
    share = shown.mean(axis=0)
    alone = np.where(cells == 1, share, 1 - share).prod(axis=1)
    weights = np.zeros(len(table))
    weights[known] = (alone / joint)[member]
    weights *= len(table) / weights.sum()
    effective = float(weights.sum() ** 2 / np.square(weights).sum())
    return Decorrelated(weights, effective, 2 ** table.shape[1] - len(cells))


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean [d] and covariance [d, d] of z, with a Cholesky factor."""

    mean: Floats
    covariance: Floats
    root: Floats

    @classmethod
    def of(cls, z: Codes, weights: Floats | None = None) -> Spread:
        """Of codes [n, d], rows weighted."""
        own = np.ones(len(z)) if weights is None else weights
        codes = z.astype(np.float64)
        mean = np.average(codes, axis=0, weights=own)
        apart = codes - mean
        covariance = (apart * own[:, None]).T @ apart / own.sum()
        covariance += 1e-4 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        return cls(mean, covariance, np.linalg.cholesky(covariance))

    def length(self, step: Floats) -> Floats:
        """Mahalanobis length of steps [..., d]: in standard deviations of z."""
        solved = np.linalg.solve(self.root, np.atleast_2d(step).T)
        return np.asarray(np.linalg.norm(solved, axis=0))

    def direction(
        self, head: Head, kind: Direction = "covariance", hold: Sequence[Head] = ()
    ) -> Floats:
        """The direction, of length 1, in which a head's score rises.

        ``covariance`` is S w: the shortest step (in standard deviations of z) to a given score; the
        shortest that leaves the scores of ``hold`` as they are, where any are given. ``weight`` is
        w itself, the published rule.
        """
        step = self.covariance @ head.weight if kind == "covariance" else head.weight
        if hold:
            held = np.stack([one.weight for one in hold], axis=1)
            away = self.covariance @ held
            step = step - away @ np.linalg.solve(held.T @ away, held.T @ step)
        return np.asarray(step / self.length(step)[0])

    def random(self, n: int, rng: np.random.Generator) -> Floats:
        """Random directions of length 1, [n, d], distributed as z is."""
        drawn = rng.standard_normal((n, len(self.mean)))
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        return np.asarray(drawn @ self.root.T)
