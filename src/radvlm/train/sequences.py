"""Examples → training sequences, addressed by (seed, epoch) alone so that a run can resume.

Examples about one image share a sequence, so that the image is computed once; none sees another's
questions or answers, or later boxes would be learned from earlier ones instead of the image. Order
is drawn anew every epoch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from radvlm.protocols import Chat
from radvlm.records import Example


def epoch_sequences(
    examples: Sequence[Example], questions: int, seed: int, epoch: int
) -> list[tuple[Example, ...]]:
    """Groups of examples of the same views with up to ``questions`` user turns each, shuffled.

    Every example is in exactly one group; one with more turns than that stands alone.
    """
    rng = random.Random(f"{seed}:{epoch}")
    by_views: dict[tuple[str, ...], list[Example]] = {}
    for example in examples:
        by_views.setdefault(tuple(view.id for view in example.views), []).append(example)
    groups: list[tuple[Example, ...]] = []
    for members in by_views.values():
        rng.shuffle(members)
        groups += _chunks(members, questions)
    rng.shuffle(groups)
    return groups


def to_chats(group: Sequence[Example]) -> list[Chat]:
    """A chat for each example of the group, all about the same images."""
    images = tuple(Path(view.path) for view in group[0].views)
    return [Chat(images, example.turns) for example in group]


def batches(
    examples: Sequence[Example], questions: int, size: int, seed: int, skip: int
) -> Iterator[list[tuple[Example, ...]]]:
    """Batches of ``size`` groups without end, from the batch of that number on."""
    epoch, number = 0, 0
    while True:
        groups = epoch_sequences(examples, questions, seed, epoch)
        for start in range(0, len(groups) - size + 1, size):
            if number >= skip:
                yield groups[start : start + size]
            number += 1
        if len(groups) < size:
            yield groups
            number += 1
        epoch += 1


def _chunks(members: Sequence[Example], questions: int) -> Iterator[tuple[Example, ...]]:
    group: list[Example] = []
    turns = 0
    for example in members:
        asked = sum(turn.role == "user" for turn in example.turns)
        if group and turns + asked > questions:
            yield tuple(group)
            group, turns = [], 0
        group.append(example)
        turns += asked
    if group:
        yield tuple(group)
