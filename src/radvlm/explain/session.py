"""What ``classify``, ``image`` and ``audit`` begin with: autoencoder, labelled images, their codes.

Everything is learned from training patients; figures and pictures are of test patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from radvlm.errors import InputError
from radvlm.explain.autoencoder import Codes, DiffusionAutoencoder
from radvlm.explain.decorrelation import Decorrelated, Spread, decorrelate
from radvlm.explain.images import Column, Row, columns, read_rows
from radvlm.explain.intervals import Floats
from radvlm.explain.judge import Judge
from radvlm.explain.probes import Head, Tested, examined, fit_head, fit_heads
from radvlm.explain.recipe import ExplainRecipe
from radvlm.explain.store import squares
from radvlm.io.egress import strictest
from radvlm.io.files import check_writable
from radvlm.io.progress import Bar
from radvlm.protocols import Pixels
from radvlm.records import Access, Split

Places = NDArray[np.intp]
BELOW = 3.0
"""dB below what 99 % of validation images reach, and an image is out of domain."""


@dataclass(frozen=True, slots=True)
class Session:
    """Rows with their squares [n, s, s], codes [n, d] and columns [n] by attribute."""

    autoencoder: DiffusionAutoencoder
    rows: list[Row]
    images: Pixels
    z: Codes
    columns: Mapping[str, Column]

    @property
    def access(self) -> Access:
        """The strictest class of autoencoder and images."""
        return strictest([self.autoencoder.card.access, *(row.access for row in self.rows)])

    def of(self, *splits: Split) -> Places:
        """Places of the images of these splits."""
        return np.array([k for k, row in enumerate(self.rows) if row.split in splits], dtype=int)

    def column(self, name: str, places: Places) -> Column:
        """An attribute at some places."""
        return self.columns[name][places]

    def patients(self, places: Places) -> list[tuple[str, str]]:
        """Whose images these are."""
        return [self.rows[k].patient for k in places]


@dataclass(frozen=True, slots=True)
class Bank:
    """Probes by attribute, how they did on test patients, and why others are missing.

    ``balance`` says how the training images were weighted where attributes had to be told apart,
    ``goals`` which logit the median image without the attribute has, and that with it.
    """

    heads: Mapping[str, Head]
    tested: Mapping[str, Tested]
    refused: Mapping[str, str]
    spread: Spread
    goals: Mapping[str, tuple[float, float]]
    balance: Decorrelated | None


def open_session(recipe: ExplainRecipe, progress: Bar | None = None) -> Session:
    """Read images and encode them.

    Raises:
        RecipeError, CheckpointError, IncompleteError: what the recipe names cannot be used.
    """
    check_writable(recipe.out)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    autoencoder = DiffusionAutoencoder.load(recipe.autoencoder, recipe.steps, recipe.refine)
    autoencoder.batch = recipe.batch
    side = autoencoder.config.side
    rows = read_rows(recipe)
    rows, images = squares(rows, side, recipe.out / "squares.npy", recipe.workers, progress)
    found = columns(rows, recipe.attributes, recipe.table)
    return Session(autoencoder, rows, images, autoencoder.encode(images), found)


def fit_bank(session: Session, recipe: ExplainRecipe, independent: tuple[str, ...] = ()) -> Bank:
    """Probes of all attributes; those named ``independent`` are told apart by weights."""
    train, test = session.of("train", "validate"), session.of("test")
    z = session.z[train]
    known = {name: column[train] for name, column in session.columns.items()}
    balance = decorrelate({name: known[name] for name in independent}) if independent else None
    weights = balance.weights if balance else None
    heads, refused = fit_heads(z, known, recipe.ridge)
    if weights is not None:
        apart = {name: known[name] for name in independent}
        heads |= fit_heads(z, apart, recipe.ridge, weights)[0]
    results = {
        name: examined(
            head.logit(session.z[test]),
            session.columns[name][test],
            session.patients(test),
            recipe.bootstrap,
            int((~np.isnan(known[name])).sum()),
            recipe.seed,
        )
        for name, head in heads.items()
    }
    goals = {name: middles(head.logit(z), known[name]) for name, head in heads.items()}
    return Bank(heads, results, refused, Spread.of(z, weights), goals, balance)


def middles(logits: Floats, column: Column) -> tuple[float, float]:
    """The median logit of those without an attribute, and of those with it."""
    return float(np.median(logits[column == 0])), float(np.median(logits[column == 1]))


def shuffled_heads(
    session: Session, bank: Bank, recipe: ExplainRecipe, name: str, count: int
) -> list[Head]:
    """Probes like that of an attribute, fitted to labels that were shuffled among the images."""
    train = session.of("train", "validate")
    column = session.column(name, train)
    weights = bank.balance.weights if bank.balance else None
    known, rng = ~np.isnan(column), np.random.default_rng(recipe.seed)
    made = []
    for _ in range(count):
        blank = column.copy()
        blank[known] = rng.permutation(column[known])
        made.append(fit_head(name, session.z[train], blank, recipe.ridge, weights))
    return made


def fit_judge(session: Session, bank: Bank) -> Judge:
    """A second opinion on every attribute that has a probe, from the training images' pixels."""
    train = session.of("train", "validate")
    known = {name: session.column(name, train) for name in session.columns if name in bank.heads}
    return Judge.fit(session.images[train], known)


def judge_tested(session: Session, judge: Judge, samples: int, seed: int) -> dict[str, Tested]:
    """How well the judge tells each attribute on the test images."""
    test = session.of("test")
    return {
        name: examined(values, session.column(name, test), session.patients(test), samples, 0, seed)
        for name, values in judge.logits(np.asarray(session.images[test])).items()
    }


def in_domain(session: Session, places: Places) -> tuple[Places, list[str]]:
    """The places whose images the autoencoder knows, and why the others are refused."""
    floor = session.autoencoder.card.psnr
    if floor is None or not len(places):
        return places, []
    reached = session.autoencoder.domain(np.asarray(session.images[places]))
    refused = [refusal(float(value), floor) for value in reached[reached < floor - BELOW]]
    return places[reached >= floor - BELOW], refused


def refusal(reached: float, floor: float) -> str:
    """Why an image is not explained."""
    return f"out of domain: rebuilt with {reached:.1f} dB, known images with {floor:.1f} dB or more"


def without(session: Session, places: Places, names: tuple[str, ...]) -> Places:
    """The places where every one of these attributes is known to be absent."""
    absent = np.ones(len(places), dtype=bool)
    for name in names:
        absent &= session.column(name, places) == 0
    if not absent.any():
        raise InputError(
            f"no test image is known to be without {' and '.join(names)}",
            "attributes",
            "Close the names for a source, or add images",
        )
    return places[absent]


def showing(session: Session, places: Places, name: str, without: str) -> Places:
    """The places that are known to have one attribute and not the other; there may be none."""
    there = (session.column(name, places) == 1) & (session.column(without, places) == 0)
    return np.asarray(places[there])


def usable(bank: Bank, name: str, chance: float) -> Head:
    """The probe of an attribute that is better than chance.

    Raises:
        InputError: there is none, or it is at chance: no claim may rest on it.
    """
    if name not in bank.heads:
        raise InputError(bank.refused.get(name, "has no probe"), f"attribute {name}")
    found = bank.tested[name]
    if not found.usable(chance):
        why = "cannot be tested: the test patients all have it, or all have not"
        if found.auc is not None and found.interval is not None:
            low, high = found.interval
            why = f"is at chance (AUC {found.auc:.2f}, {low:.2f}–{high:.2f})"
        raise InputError(
            f"its probe {why}",
            f"attribute {name}",
            "Nothing is claimed from it; more labelled images or a longer pretraining may help",
        )
    return bank.heads[name]
