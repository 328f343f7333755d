"""Copies: one picture in training and in validation or test, under two patients' names.

Public collections re-host each other's radiographs under new names, resized and recompressed, where
no leak key (``build.leakage``) can see that they are the same. In: the examples of a build, before
they are put in place. Out: what the manifest says of it; by the recipe's rule the patients are
listed as contaminated, taken out of training, or the build stops.

The same picture means the same patient, so the rule holds for all examples of the leak key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import orjson

from radvlm.build.caps import drop_examples
from radvlm.build.copy_pairs import Pair, Seen, ids_of, pairs_of, plain_pair, seen
from radvlm.build.picture_store import Pictures, hash_pictures
from radvlm.build.recipe import BuildRecipe, CopyChoice
from radvlm.build.tally import Tally, digest_of
from radvlm.errors import LeakageError, RecipeError
from radvlm.io.progress import Bar
from radvlm.io.tables import example_to_plain, read_examples
from radvlm.protocols import Quarantined
from radvlm.records import Split

PAIRS = "copies.jsonl"
"""The pairs one by one, for who wants to look at them."""

_HELD_OUT: tuple[Split, ...] = ("validate", "test")


def find_copies(
    recipe: BuildRecipe, folder: Path, tally: Tally, progress: Bar | None = None
) -> dict[str, Any] | None:
    """Look for copies among the examples in ``folder`` and do what the recipe's rule says.

    Pictures that cannot be compared (damaged, blank) are quarantined; the examples stay.

    Args:
        recipe: with a section ``copies``; nothing is done without.
        folder: the shards of examples; those of training are written anew by rule ``drop``.
        tally: learns of contaminated, dropped and quarantined records.
        progress: told how many pictures of how many are done.

    Returns:
        The manifest's ``leak.copies``, none where they were not looked for.

    Raises:
        LeakageError: there are copies, and the rule is ``fail``.
        RecipeError: the rule is ``drop``, but examples do not tell the row they are from.
    """
    choice = recipe.copies
    if choice is None:
        return None
    rows = _training_rows(tally) if choice.rule == "drop" else {}
    training = seen(folder, "train")
    others = [view for split in _HELD_OUT for view in seen(folder, split)]
    paths = (view.path for view in (*training, *others))
    pictures = hash_pictures(paths, choice.out, recipe.workers, progress)
    _quarantine(tally, pictures, [*training, *others])
    pairs = list(pairs_of(pictures, training, others, choice.distance))
    if pairs and choice.rule == "fail":
        _stop(pairs)
    dropped = 0
    if choice.rule == "drop":
        dropped = _drop(folder, {pair.training.key for pair in pairs}, rows, tally)
    else:
        tested = {pair.other.key for pair in pairs if pair.other.split == "test"}
        found = (i for _, ids in ids_of(folder, "test", tested) for i in ids)
        tally.contaminated = sorted({*tally.contaminated, *found})
    lines = (orjson.dumps(plain_pair(pair)) + b"\n" for pair in pairs)
    (folder / PAIRS).write_bytes(b"".join(lines))
    return _said(choice, pictures, pairs, dropped)


def _training_rows(tally: Tally) -> dict[tuple[str, str], str]:
    """(task, source) of a training example → its row."""
    rows: dict[tuple[str, str], str] = {}
    for row, task, split, source in sorted(tally.examples):
        if split == "train" and rows.setdefault((task, source), row) != row:
            raise RecipeError(
                f"rows {rows[task, source]!r} and {row!r} put {task} of {source} into training",
                "copies.rule",
                "Make them one row, or set copies.rule=report: what is dropped is counted by row",
            )
    return rows


def _quarantine(tally: Tally, pictures: Pictures, views: Iterable[Seen]) -> None:
    source = {view.path: view.source for view in views}
    tally.quarantine += [
        Quarantined(source[path], path, f"not compared: {why}")
        for path, why in sorted(pictures.damaged.items())
    ]


def _stop(pairs: Sequence[Pair]) -> None:
    one = min(pairs, key=lambda pair: pair.bits)
    raise LeakageError(
        f"{len(pairs)} pictures of training are in validation or test under another patient, some "
        f"of {one.training.source} in {one.other.source}",
        " and ".join(map(_where, (one.training, one.other))),
        "Leave one source out, or set copies.rule=drop (or report, which lists the overlap)",
    )


def _where(view: Seen) -> str:
    """A pseudonym of a public release may be shown; another patient number may not."""
    kind, _, whose = view.key.removeprefix(f"{view.family}\x1f").partition(":")
    patient = f" of patient {whose}" if view.open and kind == "patient" else ""
    return f"{view.family} view {view.id}{patient}"


def _drop(folder: Path, keys: Set[str], rows: Mapping[tuple[str, str], str], tally: Tally) -> int:
    """Take the training examples of these leak keys out of shards and counts; how many."""
    dropped = 0
    for shard, ids in ids_of(folder, "train", keys):
        for example in read_examples(shard):
            if example.id in ids:
                row = rows[example.task, example.source]
                tally.examples[row, example.task, "train", example.source] -= 1
                tally.content["train"] -= digest_of(example_to_plain(example))
        drop_examples(shard, ids)
        dropped += len(ids)
    return dropped


def _said(
    choice: CopyChoice, pictures: Pictures, pairs: Sequence[Pair], dropped: int
) -> dict[str, Any]:
    counts = Counter((p.training.source, p.other.source, p.other.split) for p in pairs)
    return {
        "rule": choice.rule,
        "distance": choice.distance,
        "pictures": len(pictures.paths),
        "not_compared": len(pictures.damaged),
        "pairs": [
            {"training": training, "other": other, "split": split, "pairs": n}
            for (training, other, split), n in sorted(counts.items())
        ],
        "examples_dropped": dropped,
    }
