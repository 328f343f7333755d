"""Which examples a run learns from: those of its tasks, or a share that keeps the mixture."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from radvlm.errors import ImageError, InputError
from radvlm.io.dataset import examples_of
from radvlm.io.image import read_image
from radvlm.models.domain import MOST
from radvlm.protocols import Pixels
from radvlm.records import Example
from radvlm.train.recipe import TrainRecipe


def training_examples(recipe: TrainRecipe) -> list[Example]:
    """The training examples of the recipe's tasks; ``InputError`` where there is none."""
    folder = recipe.data.folder
    found = [e for e in examples_of(folder, "train") if not recipe.tasks or e.task in recipe.tasks]
    if not found:
        raise InputError("no training example of these tasks", folder, "Build the data set first")
    return subset(found, recipe.data.subset, recipe.seed)


def subset(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """A share of every task of every source, at least one example each, in the same order."""
    if share == 1:
        return list(examples)
    strata: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples:
        strata[example.task, example.source].append(example)
    chosen: set[str] = set()
    for members in strata.values():
        members.sort(key=lambda e: sha256(f"{seed}:{e.id}".encode()).digest())
        chosen.update(e.id for e in members[: max(1, round(share * len(members)))])
    return [example for example in examples if example.id in chosen]


def images_of(examples: Sequence[Example], seed: int) -> Iterator[Pixels]:
    """Some of the images trained on, drawn by the seed; those that cannot be read are left out.

    The run has counted and named the unreadable ones already.
    """
    paths = sorted({view.path for example in examples for view in example.views})
    for path in random.Random(seed).sample(paths, min(MOST, len(paths))):
        try:
            yield read_image(Path(path))
        except ImageError:
            continue
