"""Answers to the same few questions at every save and at the end: what a model has learned.

``samples.json`` is a private file: its replies may repeat what stands in reports.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain, islice, zip_longest
from pathlib import Path

from radvlm.errors import ImageError
from radvlm.io.dataset import examples_of
from radvlm.io.files import read_json, write_json
from radvlm.io.image import read_image
from radvlm.models.local import LocalModel
from radvlm.models.packed_attention import PACKED
from radvlm.protocols import Chat, Decoding
from radvlm.records import Example
from radvlm.train.recipe import TrainRecipe
from radvlm.train.summary import SAMPLES

_DECODING = Decoding(max_tokens=200)


def questions(recipe: TrainRecipe, trained: Sequence[Example]) -> list[Example]:
    """Up to ``recipe.samples`` examples, of every task in turn, that are not learned from.

    Where the data set validates nothing they are training examples. Those whose image cannot be
    read are passed over.
    """
    apart = examples_of(recipe.data.folder, "validate")
    found = [one for one in apart if not recipe.tasks or one.task in recipe.tasks]
    by_task: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(found or trained, key=lambda one: _draw(one, recipe.seed)):
        by_task[example.task].append(example)
    in_turn = chain.from_iterable(zip_longest(*(by_task[task] for task in sorted(by_task))))
    readable = (one for one in in_turn if one is not None and _readable(one))
    return list(islice(readable, recipe.samples))


class Sampler:
    """Asks and keeps the answers in the run's folder, those of earlier sessions included."""

    def __init__(self, out: Path, asked: Sequence[Example], reached: int) -> None:
        self._path, self._asked = out / SAMPLES, asked
        before = read_json(self._path)["rounds"] if self._path.exists() else []
        self._rounds = [one for one in before if one["step"] <= reached]

    def ask(self, model: LocalModel, step: int) -> None:
        """Answer the first question of each example with the model as it is after a step."""
        if not self._asked or any(one["step"] == step for one in self._rounds):
            return
        chats = [Chat((Path(e.views[0].path),), e.turns[: _first(e)]) for e in self._asked]
        trained, packs = model.network.training, model.packs
        model.network.eval()
        if packs:
            model.attend_by("sdpa")
        replies = [next(iter(model.answer([chat], _DECODING)))[1].text for chat in chats]
        if packs:
            model.attend_by(PACKED)
        model.network.train(trained)
        self._rounds.append({"step": step, "replies": replies})
        asked = [{"example": example.id, "split": example.split} for example in self._asked]
        plain = {"schema_version": 1, "asked": asked, "rounds": self._rounds}
        write_json(self._path, plain, private=True)


def _first(example: Example) -> int:
    """How many turns there are up to the first question."""
    return next(k for k, turn in enumerate(example.turns, 1) if turn.role == "user")


def _draw(example: Example, seed: int) -> bytes:
    return sha256(f"{seed}:{example.id}".encode()).digest()


def _readable(example: Example) -> bool:
    try:
        read_image(Path(example.views[0].path))
    except ImageError:
        return False
    return True
