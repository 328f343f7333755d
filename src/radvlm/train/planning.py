"""Which sequences each process computes at once in each step, known before any image is read.

Everything follows from (seed, epoch, step): a run resumes at any step by its number alone, and all
processes come to the same plan without speaking to each other. Padded micro-batches keep the order
in which sequences arrive. Packed rows are filled up to a budget of tokens, about equally, and every
process gets as many rows as the others, or they would wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from radvlm.errors import InputError
from radvlm.io.image import image_size
from radvlm.models.backbone import Backbone
from radvlm.records import Example
from radvlm.train.recipe import TrainRecipe
from radvlm.train.sequences import batches

Group = tuple[Example, ...]
"""A sequence: examples about the same images."""


@dataclass(frozen=True, slots=True)
class Micro:
    """What one process computes at once; ``last`` where the step's update follows."""

    groups: tuple[Group, ...]
    packed: bool
    last: bool


def plan(
    examples: Sequence[Example],
    recipe: TrainRecipe,
    length: Callable[[Group], int],
    rank: int,
    size: int,
    done: int,
    total: int,
) -> Iterator[Micro]:
    """The micro-batches of a process from step ``done`` to step ``total``, in order."""
    stream = batches(
        examples, recipe.questions_per_sequence, recipe.schedule.batch, recipe.seed, done
    )
    for _ in range(done, total):
        groups = next(stream)
        rows = (
            pack_rows(groups, [length(group) for group in groups], recipe.packing, size)
            if recipe.packing
            else padded_rows(groups, recipe.micro_batch, size)
        )
        mine = rows[rank]
        for k, row in enumerate(mine, 1):
            yield Micro(tuple(row), recipe.packing is not None, k == len(mine))


def check_division(recipe: TrainRecipe, size: int) -> int:
    """Padded micro-batches of a step in each process (gradient accumulation); 0 for packed rows.

    Raises:
        InputError: the global batch cannot be shared out evenly.
    """
    batch, micro = recipe.schedule.batch, recipe.micro_batch or 1
    if batch % (size * micro):
        raise InputError(
            f"a batch of {batch} does not divide among {size} processes"
            + (f" with micro-batches of {micro}" if recipe.micro_batch else ""),
            "schedule.batch",
            f"Choose a multiple of {size * micro}",
        )
    if recipe.packing:
        return 0
    return batch // (size * recipe.micro_batch) if recipe.micro_batch else 1


def padded_rows(
    groups: Sequence[Group], micro: int | None, size: int
) -> list[list[Sequence[Group]]]:
    """For each process its micro-batches, in the order of arrival.

    A data set smaller than a batch gives some processes less, but as many micro-batches.
    """
    share = -(-len(groups) // size)
    step = micro or share
    return [
        [groups[k : min(k + step, start + share)] for k in range(start, start + share, step)]
        for start in range(0, size * share, share)
    ]


def pack_rows(
    groups: Sequence[Group], lengths: Sequence[int], budget: int, size: int
) -> list[list[Sequence[Group]]]:
    """For each process its rows: as few as the budget allows, of about equal length.

    A sequence longer than the budget stands alone.
    """
    count = size * max(1, -(-sum(lengths) // (size * budget)))
    while True:
        rows = _balanced(lengths, count)
        if all(sum(lengths[k] for k in row) <= budget or len(row) == 1 for row in rows):
            break
        count += size
    rows.sort(key=lambda row: -sum(lengths[k] for k in row))
    # Rows of like length are computed by all processes at the same time.
    return [[[groups[k] for k in sorted(row)] for row in rows[r::size]] for r in range(size)]


def _balanced(lengths: Sequence[int], count: int) -> list[list[int]]:
    """Indices in ``count`` rows: the longest first, each into the shortest row so far."""
    rows: list[list[int]] = [[] for _ in range(count)]
    filled = [0] * count
    for k in sorted(range(len(lengths)), key=lambda k: (-lengths[k], k)):
        shortest = min(range(count), key=lambda r: (filled[r], r))
        rows[shortest].append(k)
        filled[shortest] += lengths[k]
    return rows


class Lengths:
    """Tokens of a group, from its texts and the sizes of its images; remembered by example."""

    def __init__(self, model: Backbone) -> None:
        self._model = model
        self._texts: dict[str, int] = {}
        self._images: dict[tuple[tuple[int, int], int], int] = {}

    def __call__(self, group: Group) -> int:
        """Texts of all examples, and the images once."""
        return self._of_images(group[0]) + sum(self._of_text(example) for example in group)

    def _of_text(self, example: Example) -> int:
        if example.id not in self._texts:
            self._texts[example.id] = self._model.text_length(example.turns)
        return self._texts[example.id]

    def _of_images(self, example: Example) -> int:
        total, count = 0, len(example.views)
        for view in example.views:
            size = (view.height or 0, view.width or 0)
            if not all(size):
                width, height = image_size(Path(view.path))
                size = height, width
            if (size, count) not in self._images:
                self._images[size, count] = self._model.image_length(size, count) // count
            total += self._images[size, count]
        return total
