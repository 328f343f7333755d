"""Is an image like those a checkpoint was trained on? Descriptions of training images, beside it.

In: radiographs, uint8 [height, width]. Out: ``domain.json``, and for another image how far it lies
from them. An image is described by 88 numbers: its grey values on a grid of 8 × 8 and a histogram
of them (8), after stretching its own range to 0…1; how strong edges are in 8 directions; how much
detail there is at 4 distances. Each is counted in standard deviations of the training; the
distance is the mean of those to the three nearest training images, so that training sets of
several kinds of image are no trouble. The threshold is a quantile of the training images' own
distances to one another.

Nothing here knows what a chest is: photographs, noise, blanks, inverted and turned radiographs are
refused, as far as a test on the checkpoint shows; what merely looks alike is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from radvlm.errors import CheckpointError
from radvlm.io.files import atomic_path
from radvlm.protocols import Pixels

FILE = "domain.json"
QUANTILE = 0.99
"""Share of the training images that lie within the threshold of the others."""

MARGIN = 1.1
"""Times the quantile: a new patient lies a little further out than those that are known."""

MOST, FEWEST = 500, 50
"""Training images that are kept; fewer than the latter say too little, and nothing is refused."""

_NEAREST = 3
_SIDE = 64
_GRID = 8

Floats = NDArray[np.float64]


class Domain(BaseModel):
    """Descriptions of training images [n][d] in standard deviations ``scale`` [d]."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = 1
    threshold: float
    scale: tuple[float, ...]
    known: tuple[tuple[float, ...], ...]

    def distance(self, pixels: Pixels) -> float:
        """How far an image lies from the training images; within the threshold is like them."""
        known = np.array(self.known)
        return _nearest(known, describe(pixels) / np.array(self.scale))

    def accepts(self, pixels: Pixels) -> bool:
        """Whether an image is like those of the training."""
        return self.distance(pixels) <= self.threshold


def describe(pixels: Pixels) -> Floats:
    """The description of an image, [d]; of its own contrast it keeps nothing."""
    image = Image.fromarray(np.ascontiguousarray(pixels)).resize(
        (_SIDE, _SIDE), Image.Resampling.BOX
    )
    grey = np.asarray(image, dtype=np.float64)
    low, high = np.percentile(grey, (1, 99))
    grey = np.clip((grey - low) / max(high - low, 1.0), 0, 1)
    step = _SIDE // _GRID
    cells = grey.reshape(_GRID, step, _GRID, step).mean((1, 3))
    histogram = np.histogram(grey, 8, (0, 1))[0] / grey.size
    return np.concatenate([cells.ravel(), histogram, _edges(grey), _detail(grey)])


def fit(descriptions: Sequence[Floats]) -> Domain | None:
    """What is kept of some descriptions; none where they are too few."""
    if len(descriptions) < FEWEST:
        return None
    table = np.stack(descriptions)
    # A number that hardly differs between training images must not decide alone.
    scale = (table.std(axis=0) + 0.02) * np.sqrt(table.shape[1])
    known = np.round(table / scale, 4)
    own = [_nearest(known, row, skip=1) for row in known]
    return Domain(
        threshold=float(MARGIN * np.quantile(own, QUANTILE)),
        scale=tuple(scale.tolist()),
        known=tuple(tuple(row) for row in known.tolist()),
    )


def write_domain(images: Iterable[Pixels], folder: Path) -> Domain | None:
    """Describe images of a training and write that beside the checkpoint."""
    domain = fit([describe(pixels) for pixels in images])
    if domain is not None:
        with atomic_path(folder / FILE) as aside:
            aside.write_text(domain.model_dump_json() + "\n", encoding="utf-8")
    return domain


def read_domain(folder: Path) -> Domain | None:
    """What a checkpoint knows of its training images; none where it has nothing.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return Domain.model_validate_json(path.read_bytes())
    except ValidationError:
        remedy = "Copy it again, or remove it: nothing is refused then"
        raise CheckpointError("is no description of images", path, remedy) from None


def _edges(grey: Floats) -> Floats:
    """Share of the edges' strength in each of 8 directions 45° apart, by their sign, [8]."""
    down, across = np.gradient(grey)
    strength = np.hypot(down, across)
    turn = ((np.arctan2(down, across) + np.pi) / (2 * np.pi) * 8).astype(int) % 8
    found = np.bincount(turn.ravel(), strength.ravel(), 8)
    return np.asarray(found / max(found.sum(), 1e-6))


def _detail(grey: Floats) -> Floats:
    """Mean difference of neighbours at distances of 1, 2, 4 and 8, across and down, [8]."""
    found = []
    for distance in (1, 2, 4, 8):
        found.append(np.abs(grey[:, distance:] - grey[:, :-distance]).mean())
        found.append(np.abs(grey[distance:] - grey[:-distance]).mean())
    return np.array(found)


def _nearest(known: Floats, one: Floats, skip: int = 0) -> float:
    """Mean distance to the nearest of some points; ``skip`` leaves out the point itself."""
    away = np.sort(np.linalg.norm(known - one, axis=1))
    return float(away[skip : skip + _NEAREST].mean())
