"""Patient-specific counterfactuals: move z, keep the noise, decode, score, until it is enough.

In: images, a linear model on z, a goal. Out: for every image the nearest version of itself on the
other side of the goal, or the statement that there is none within reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from radvlm.explain.autoencoder import Codes, DiffusionAutoencoder
from radvlm.explain.decorrelation import Spread
from radvlm.explain.intervals import Floats
from radvlm.explain.probes import Head
from radvlm.explain.recipe import Closed, Direction
from radvlm.protocols import Pixels

STAYS = 0.25
"""By how many logits a held score may move."""

Scorer = Callable[[Pixels], Floats]
"""Images uint8 [n, s, s] → logits [n] of the model that is explained."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Images with their codes, noises and reconstructions, ready to be changed."""

    images: Pixels
    z: Codes
    noise: torch.Tensor
    rebuilt: Pixels

    @classmethod
    def of(cls, autoencoder: DiffusionAutoencoder, images: Pixels) -> Prepared:
        """Encode, invert and reconstruct."""
        images = np.asarray(images)
        z = autoencoder.encode(images)
        noise = autoencoder.invert(images, z)
        return cls(images, z, noise, autoencoder.decode(noise, z))

    def __len__(self) -> int:
        return len(self.images)

    def take(self, places: NDArray[np.intp]) -> Prepared:
        """Some of them."""
        return Prepared(
            self.images[places],
            self.z[places],
            self.noise[torch.from_numpy(places)],
            self.rebuilt[places],
        )


@dataclass(frozen=True, slots=True)
class Changed:
    """Counterfactuals [n, s, s], with the length of the step, score before and after, validity."""

    images: Pixels
    amplitude: Floats
    before: Floats
    after: Floats
    valid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Holding:
    """What is taken back of each image's step, [n, d], so that the scores of ``heads`` stay."""

    heads: Sequence[Head]
    directions: Sequence[Floats]
    before: Sequence[Floats]
    taken_back: Floats

    @classmethod
    def of(
        cls,
        autoencoder: DiffusionAutoencoder,
        prepared: Prepared,
        head: Head,
        spread: Spread,
        hold: Sequence[Head],
    ) -> Holding:
        """Nothing yet; each held score is moved without moving the others or ``head``."""
        z = autoencoder.encode(prepared.rebuilt)
        others = [[head, *(h for h in hold if h is not one)] for one in hold]
        return cls(
            hold,
            [spread.direction(one, hold=rest) for one, rest in zip(hold, others, strict=True)],
            [one.logit(z) for one in hold],
            np.zeros(prepared.z.shape),
        )

    def correct(self, z: Codes, places: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Take back more where a held score has moved too far; returns where it has."""
        far = np.zeros(len(places), dtype=bool)
        for head, direction, before in zip(self.heads, self.directions, self.before, strict=True):
            moved = head.logit(z) - before[places]
            self.taken_back[places] -= (moved / (direction @ head.weight))[:, None] * direction
            far |= np.abs(moved) > STAYS
        return far


def latent_scorer(autoencoder: DiffusionAutoencoder, head: Head) -> Scorer:
    """A head as a model of images: encode, then score."""
    return lambda images: head.logit(autoencoder.encode(images))


def change(
    autoencoder: DiffusionAutoencoder,
    prepared: Prepared,
    head: Head,
    spread: Spread,
    loop: Closed,
    typical: tuple[float, float],
    *,
    scorer: Scorer | None = None,
    add: bool = True,
    kind: Direction = "covariance",
    hold: Sequence[Head] = (),
) -> Changed:
    """Closed-loop counterfactuals.

    Args:
        autoencoder: decodes.
        prepared: the images.
        head: gives the direction, and the first amplitude.
        spread: covariance of z, from a decorrelated sample.
        loop: when to stop and when to give up.
        typical: median logit of images without the attribute, and with it, of what is scored.
        scorer: whose score has to pass the goal; the head on the re-encoded image unless given.
        add: raise the score to the goal, or lower it to minus the goal.
        kind: which direction.
        hold: heads whose scores of the re-encoded image have to stay: what a decoder that has
            mostly seen two things together drags along is taken back.
    """
    scorer = scorer or latent_scorer(autoencoder, head)
    goal = loop.goal(typical, add)
    sign = 1.0 if add else -1.0
    step = sign * spread.direction(head, kind, hold)
    holding = Holding.of(autoencoder, prepared, head, spread, hold) if hold else None
    gain = abs(float(step @ head.weight))
    before = scorer(prepared.rebuilt)
    images, after = prepared.rebuilt.copy(), before.copy()
    amplitude = np.zeros(len(prepared))
    wanted = (goal - sign * head.logit(prepared.z)) / max(gain, 1e-9)
    trial = np.clip(wanted, 0.25, loop.reach)
    open_ = np.flatnonzero(sign * after < goal)
    for _ in range(loop.tries):
        if not len(open_):
            break
        amplitude[open_] = trial[open_]
        moved = trial[open_, None] * step
        if holding:
            moved = moved + holding.taken_back[open_]
        z = prepared.z[open_] + moved.astype(np.float32)
        images[open_] = autoencoder.decode(prepared.noise[torch.from_numpy(open_)], z)
        after[open_] = scorer(images[open_])
        short = sign * after[open_] < goal
        trial[open_[short]] *= loop.growth
        again = short & (trial[open_] <= loop.reach * loop.growth)
        if holding:
            again |= holding.correct(autoencoder.encode(images[open_]), open_)
        open_ = open_[again]
    return Changed(images, amplitude, before, after, sign * after >= goal)


def shifted(autoencoder: DiffusionAutoencoder, prepared: Prepared, steps: Floats) -> Pixels:
    """Images with z moved by given steps [n, d]."""
    return autoencoder.decode(prepared.noise, prepared.z + steps.astype(np.float32))
