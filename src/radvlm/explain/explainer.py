"""What ``classify`` learned, kept so that one image can be explained later without the others.

A folder holds ``explainer.json`` (scope, access, figures of the probes), ``probes.safetensors``
(their weights, mean and covariance of z) and ``autoencoder/``. It stands alone and can be moved; it
holds no image and names no patient. The access class is the strictest of the data it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from radvlm.errors import CheckpointError, InputError
from radvlm.explain.autoencoder import Codes, DiffusionAutoencoder, psnr
from radvlm.explain.counterfactual import Changed, Prepared, change, shifted
from radvlm.explain.decorrelation import Spread
from radvlm.explain.pixels import to_square
from radvlm.explain.probes import Head, Tested
from radvlm.explain.recipe import Closed, ExplainRecipe
from radvlm.explain.session import BELOW, Bank, Session, refusal, usable
from radvlm.io.files import atomic_folder, write_json
from radvlm.protocols import Pixels
from radvlm.records import Access

CARD, PROBES, AUTOENCODER = "explainer.json", "probes.safetensors", "autoencoder"
LOOP = Closed()
MOVED = 1.0
"""By how many logits another probe's score moves when it is said to have moved along."""


class Probe(BaseModel):
    """What is written of a probe beside its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    bias: float
    tested: Tested
    typical: tuple[float, float]


class ExplainerCard(BaseModel):
    """What is written beside the arrays; ``probes`` are in the order of the rows of weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    scope: str
    access: Access
    chance: float
    steps: int
    refine: int
    probes: tuple[Probe, ...]
    refused: dict[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One image changed in one respect; squares are uint8 [s, s], ``frames`` uint8 [k, s, s].

    Attributes:
        said: what was done, in words.
        frames: from the rebuilt image to the whole change.
        psnr: of the rebuilt image against the original, dB.
        amplitude: length of the step, in standard deviations of z.
        scores: logit of every usable probe, of the rebuilt image and of the changed one.
    """

    attribute: str
    added: bool
    valid: bool
    said: str
    original: Pixels
    frames: Pixels
    psnr: float
    amplitude: float
    scores: dict[str, tuple[float, float]]

    @property
    def moved(self) -> tuple[str, ...]:
        """Other attributes whose score has moved by more than ``MOVED``."""
        by = {name: abs(after - before) for name, (before, after) in self.scores.items()}
        return tuple(name for name in by if name != self.attribute and by[name] > MOVED)


@dataclass(frozen=True, slots=True)
class Explainer:
    """An autoencoder with probes on its code, for images it has not seen."""

    autoencoder: DiffusionAutoencoder
    bank: Bank
    access: Access
    chance: float

    @classmethod
    def of(cls, session: Session, bank: Bank, recipe: ExplainRecipe) -> Explainer:
        """What a run has learned."""
        return cls(session.autoencoder, bank, session.access, recipe.chance)

    @classmethod
    def load(cls, folder: Path) -> Explainer:
        """The explainer of a folder.

        Raises:
            CheckpointError: a file is missing or damaged.
        """
        try:
            card = ExplainerCard.model_validate_json((folder / CARD).read_bytes())
            arrays = load_file(folder / PROBES)
            covariance = arrays["covariance"]
            spread = Spread(arrays["mean"], covariance, np.linalg.cholesky(covariance))
            rows = list(zip(card.probes, arrays["weights"], strict=True))
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise _unusable(folder) from error
        autoencoder = DiffusionAutoencoder.load(folder / AUTOENCODER, card.steps, card.refine)
        width = (autoencoder.config.z,)
        shapes = {spread.mean.shape, *(weight.shape for _, weight in rows)}
        if covariance.shape != width * 2 or shapes != {width}:
            raise _unusable(folder)
        bank = Bank(
            heads={one.name: Head(one.name, weight, one.bias) for one, weight in rows},
            tested={one.name: one.tested for one in card.probes},
            refused=card.refused,
            spread=spread,
            goals={one.name: one.typical for one in card.probes},
            balance=None,
        )
        return cls(autoencoder, bank, card.access, card.chance)

    def save(self, folder: Path) -> None:
        """Write the folder, whole or not at all."""
        card = ExplainerCard(
            scope=self.scope,
            access=self.access,
            chance=self.chance,
            steps=self.autoencoder.steps,
            refine=self.autoencoder.refine,
            probes=tuple(
                Probe(
                    name=name,
                    bias=head.bias,
                    tested=self.bank.tested[name],
                    typical=self.bank.goals[name],
                )
                for name, head in self.bank.heads.items()
            ),
            refused=dict(self.bank.refused),
        )
        spread, width = self.bank.spread, self.autoencoder.config.z
        weights = [head.weight for head in self.bank.heads.values()]
        arrays = {
            "weights": np.stack(weights) if weights else np.empty((0, width)),
            "mean": spread.mean,
            "covariance": spread.covariance,
        }
        with atomic_folder(folder, replace=True) as aside:
            self.autoencoder.save(aside / AUTOENCODER)
            save_file(arrays, aside / PROBES)
            write_json(aside / CARD, card.model_dump(mode="json"))

    @property
    def scope(self) -> str:
        """What the autoencoder was trained on."""
        return self.autoencoder.card.scope

    @property
    def attributes(self) -> dict[str, Tested]:
        """What can be asked for, best first: the attributes whose probes are better than chance."""
        known = {n: t for n, t in self.bank.tested.items() if t.usable(self.chance)}
        return dict(sorted(known.items(), key=lambda item: -(item[1].auc or 0)))

    def explain(
        self,
        image: Pixels,
        attribute: str,
        *,
        add: bool | None = None,
        frames: int = 9,
        loop: Closed = LOOP,
    ) -> Explanation:
        """Change an image in one attribute, as little as its probe asks for.

        Args:
            image: uint8 [h, w]; it is scaled to the autoencoder's square.
            attribute: one of ``attributes``.
            add: whether to add or to remove it; the opposite of what the probe sees unless given.
            frames: pictures from the rebuilt image to the whole change, two at least.
            loop: what to reach, and when to give up.

        Raises:
            InputError: the attribute has no probe or one at chance, or the image is out of domain.
        """
        if frames < 2:
            raise InputError("an explanation has two frames at least")
        head = usable(self.bank, attribute, self.chance)
        square = to_square(image, self.autoencoder.config.side)[None]
        self._check_domain(square)
        prepared = Prepared.of(self.autoencoder, square)
        rebuilt = self.autoencoder.encode(prepared.rebuilt)
        added = bool(head.logit(rebuilt)[0] <= 0) if add is None else add
        goals = self.bank.goals[attribute]
        changed = change(self.autoencoder, prepared, head, self.bank.spread, loop, goals, add=added)
        return Explanation(
            attribute=attribute,
            added=added,
            valid=bool(changed.valid[0]),
            said=_said(attribute, added, changed),
            original=square[0],
            frames=self._frames(prepared, changed, head, added, frames),
            psnr=float(psnr(square, prepared.rebuilt)[0]),
            amplitude=float(changed.amplitude[0]),
            scores=self._scores(rebuilt, self.autoencoder.encode(changed.images)),
        )

    def _check_domain(self, square: Pixels) -> None:
        floor = self.autoencoder.card.psnr
        if floor is None:
            return
        reached = float(self.autoencoder.domain(square)[0])
        if reached < floor - BELOW:
            raise InputError(refusal(reached, floor), "", "Give a frontal chest radiograph")

    def _frames(
        self, prepared: Prepared, changed: Changed, head: Head, added: bool, count: int
    ) -> Pixels:
        """The ends as they were scored, and what lies between."""
        between = np.linspace(0, changed.amplitude[0], count)[1:-1]
        ends = prepared.rebuilt, changed.images
        if not len(between):
            return np.concatenate(ends)
        step = self.bank.spread.direction(head) * (1 if added else -1)
        copies = prepared.take(np.zeros(len(between), dtype=np.intp))
        middle = shifted(self.autoencoder, copies, between[:, None] * step)
        return np.concatenate([ends[0], middle, ends[1]])

    def _scores(self, before: Codes, after: Codes) -> dict[str, tuple[float, float]]:
        heads = self.bank.heads
        return {
            name: (float(heads[name].logit(before)[0]), float(heads[name].logit(after)[0]))
            for name in self.attributes
        }


def _said(attribute: str, added: bool, changed: Changed) -> str:
    if not changed.valid[0]:
        return "no valid counterfactual"
    if not changed.amplitude[0]:
        return f"{attribute}: nothing was changed, the probe's score is there already"
    return f"{attribute} {'added' if added else 'removed'}"


def _unusable(folder: Path) -> CheckpointError:
    remedy = "Name the folder 'explainer' that radvlm explain classify wrote"
    return CheckpointError("is no explainer", folder, remedy)
