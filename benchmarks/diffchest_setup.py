"""What the proofs on planted truth share: autoencoders, cohorts, twins, a judge, small classifiers.

Everything slow is made once and kept below ``runs/diffchest``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from benchmarks import diffchest_cohorts as cohorts
from benchmarks.diffchest_cohorts import DEVICE, FINDING, MARKER, OTHER
from benchmarks.results_file import RESULTS
from radvlm import recipe as recipes
from radvlm.explain.autoencoder import Codes, DiffusionAutoencoder
from radvlm.explain.decorrelation import Spread, decorrelate
from radvlm.explain.images import Column, read_rows
from radvlm.explain.intervals import Floats
from radvlm.explain.judge import Judge, SmallNet, train_net
from radvlm.explain.pretrain import pretrain
from radvlm.explain.probes import Head, fit_head
from radvlm.explain.recipe import ImagesRecipe, PretrainRecipe
from radvlm.explain.store import squares
from radvlm.io.files import atomic_path
from radvlm.io.progress import Bar
from radvlm.protocols import Pixels

FOLDER = Path("runs/diffchest")
RECIPE = Path("recipes/explain/phantom_pretrain.yaml")
RESULT = RESULTS / "diffchest.json"
CONFOUNDED = 0.9
TESTED = cohorts.TEST
"""Test patients that every rate is measured on."""
NAMES = (FINDING, DEVICE, MARKER, OTHER)
POOLS = {"clean": "pool", "confounded": "confounded"}
"""Pretraining → the folder of its cohort; both are as long as the recipe says."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Images [n, s, s] with the truth of each attribute, and their codes by an autoencoder."""

    images: Pixels
    columns: dict[str, Column]
    autoencoder: DiffusionAutoencoder
    z: Codes

    def planted(self, r: float, n: int, seed: int) -> NDArray[np.intp]:
        """Places of ``n`` images in which the device goes with the finding at ``r``."""
        rng = np.random.default_rng(seed)
        together = self.columns[FINDING] == self.columns[DEVICE]
        finding = self.columns[FINDING] == 1
        counts = {(True, True): r, (True, False): 1 - r, (False, True): r, (False, False): 1 - r}
        chosen = []
        for (ill, concordant), part in counts.items():
            cell = np.flatnonzero((finding == ill) & (together == concordant))
            chosen.append(rng.choice(cell, min(round(n / 2 * part), len(cell)), replace=False))
        return rng.permutation(np.concatenate(chosen))

    def spread(self) -> Spread:
        """Covariance of z with finding and device told apart."""
        return Spread.of(self.z, self.weights())

    def weights(self) -> Floats:
        """Weights under which finding and device are independent."""
        return decorrelate({n: self.columns[n] for n in (FINDING, DEVICE)}).weights

    def probe(self, name: str) -> Head:
        """The probe of an attribute, told apart from the other."""
        return fit_head(name, self.z, self.columns[name], 1e-2, self.weights())


def cohort_images(part: str, patients: int, seed: int) -> tuple[Pixels, dict[str, Column]]:
    """A cohort's squares and the truth of every attribute."""
    cohorts.make_pool(FOLDER / part, part, patients, seed, workers=2)
    return folder_images(part, patients, seed, "pool" if part == "pool" else part)


def folder_images(
    name: str, patients: int, seed: int, part: str
) -> tuple[Pixels, dict[str, Column]]:
    """The same of a folder that holds some patients of a cohort."""
    recipe = recipes.check(
        ImagesRecipe,
        {
            "out": str(FOLDER / "squares"),
            "data": {"roots": {"phantom": str(FOLDER / name)}},
            "sources": {"phantom": {"source": "phantom", "closed": [DEVICE, OTHER]}},
        },
    )
    rows = read_rows(recipe)
    rows, images = squares(rows, cohorts.SIDE, FOLDER / "squares" / f"{name}.npy", 2)
    markers = cohorts.markers(patients, seed, part)
    found = {n: np.array([row.said[n] for row in rows]) for n in (FINDING, DEVICE, OTHER)}
    found[MARKER] = np.array([markers[row.view] for row in rows])
    return np.asarray(images), found


def make_pretraining(name: str, progress: Bar | None = None) -> Path:
    """The autoencoder of a pool, trained unless it is there."""
    cohorts.make_pool(FOLDER / "pool", "pool", cohorts.POOL, cohorts.POOL_SEED, workers=2)
    if name == "confounded":
        cohorts.make_confounded(FOLDER / "pool", FOLDER / "confounded", CONFOUNDED)
    out = FOLDER / f"pre_{name}"
    changes = [
        f"out={out}",
        f"data.roots.phantom={FOLDER / POOLS[name]}",
    ]
    if not (out / "autoencoder").exists():
        pretrain(recipes.load(PretrainRecipe, RECIPE, changes), progress)
    return out / "autoencoder"


def open_pool(name: str, steps: int = 12, refine: int = 1) -> Pool:
    """A pool with the autoencoder that was pretrained on it."""
    autoencoder = DiffusionAutoencoder.load(FOLDER / f"pre_{name}" / "autoencoder", steps, refine)
    images, columns = folder_images(POOLS[name], cohorts.POOL, cohorts.POOL_SEED, "pool")
    path = FOLDER / f"pre_{name}" / "codes.npy"
    if not path.exists():
        with atomic_path(path) as aside, aside.open("wb") as file:
            np.save(file, autoencoder.encode(images), allow_pickle=False)
    return Pool(images, columns, autoencoder, np.load(path, allow_pickle=False))


def make_judge() -> Judge:
    """Told by images nothing else has seen."""
    images, columns = cohort_images("judge", cohorts.JUDGE, cohorts.JUDGE_SEED)
    path = FOLDER / "judge.safetensors"
    if path.exists():
        net = SmallNet(cohorts.SIDE, len(NAMES))
        net.load_state_dict(load_file(path))
        return Judge(NAMES, net.eval())
    judge = Judge.fit(images, {name: columns[name] for name in NAMES}, samples=30_000)
    save_file(judge.net.state_dict(), path)
    return judge


def make_classifier(pool: Pool, r: float, seed: int) -> SmallNet:
    """A black box for the finding, trained on images with the device planted at ``r``."""
    path = FOLDER / "classifiers" / f"r{r:g}_{seed}.safetensors"
    net = SmallNet(cohorts.SIDE, 1)
    if path.exists():
        net.load_state_dict(load_file(path))
        return net.eval()
    torch.manual_seed(seed)
    net = SmallNet(cohorts.SIDE, 1)
    chosen = np.sort(pool.planted(r, 2400, seed))
    table = pool.columns[FINDING][chosen][:, None]
    train_net(net, pool.images[chosen], table, samples=10_000, seed=seed)
    path.parent.mkdir(exist_ok=True)
    save_file(net.state_dict(), path)
    return net


def twins() -> Pixels:
    """[patients, 4, s, s]: neither, finding, device, both."""
    path = FOLDER / f"twins_{cohorts.TEST_SEED}.npy"
    return cohorts.make_twins(path, cohorts.TEST, cohorts.TEST_SEED, workers=2)
