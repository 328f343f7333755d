"""Examples → training sequences, addressed by (seed, epoch) alone so that a run can resume.

Questions about one image share a sequence as turns of one chat, as in LLaVA's instruction tuning:
the image is encoded once and every answer is learned. Order is drawn anew every epoch.
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


def to_chat(group: Sequence[Example]) -> Chat:
    """One chat: the images of the group and all its turns in order."""
    images = tuple(Path(view.path) for view in group[0].views)
    return Chat(images, tuple(turn for example in group for turn in example.turns))


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
