"""``radvlm train``: a built data set and a recipe → a checkpoint folder.

Writes ``checkpoint/`` (Hugging Face layout with ``radvlm.json``), ``metrics.jsonl`` (a line a
step), ``recipe.json``; ``state/`` holds what a rerun needs to go on, and is removed at the end.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from radvlm import recipe as recipes
from radvlm.errors import InputError
from radvlm.io.dataset import examples_of
from radvlm.io.egress import strictest
from radvlm.io.files import check_writable, write_json
from radvlm.io.image import read_image
from radvlm.models.card import Card
from radvlm.models.domain import MOST, write_domain
from radvlm.models.llava_onevision import Encoded, LlavaOnevision
from radvlm.models.tiny import make_tiny
from radvlm.protocols import Pixels
from radvlm.records import Example
from radvlm.runtime.memory import keep_freed_memory
from radvlm.runtime.state import Counters, load_state, save_state
from radvlm.train.optimization import answer_loss, make_optimizer, set_rate
from radvlm.train.recipe import TrainRecipe
from radvlm.train.sequences import batches, epoch_sequences, to_chats

Progress = Callable[..., None]
"""Called as ``progress(done, total, note=...)``."""


def train(recipe: TrainRecipe, progress: Progress | None = None) -> Path:
    """Run the recipe to its end, going on from a saved state where there is one.

    Returns:
        The checkpoint folder.

    Raises:
        InputError: the data set holds no training example of the tasks asked for.
    """
    check_writable(recipe.out)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    examples = training_examples(recipe)
    model = start_model(recipe, examples)
    if model.network.device.type == "cpu":
        keep_freed_memory()
    _fit(model, examples, recipe, progress)
    target = recipe.out / "checkpoint"
    model.save(target)
    write_domain(_seen(examples, recipe.seed), target)
    write_json(recipe.out / "recipe.json", recipes.dump(recipe))
    shutil.rmtree(recipe.out / "state", ignore_errors=True)
    return target


def _seen(examples: Sequence[Example], seed: int) -> Iterator[Pixels]:
    """Some of the images trained on, drawn by the seed."""
    paths = sorted({view.path for example in examples for view in example.views})
    for path in random.Random(seed).sample(paths, min(MOST, len(paths))):
        yield read_image(Path(path))


def total_steps(examples: Sequence[Example], recipe: TrainRecipe) -> int:
    """Optimiser steps of a run; incomplete last batches of an epoch are left for the next."""
    groups = len(epoch_sequences(examples, recipe.questions_per_sequence, recipe.seed, 0))
    return max(1, round(recipe.schedule.epochs * groups / recipe.schedule.batch))


def training_examples(recipe: TrainRecipe) -> list[Example]:
    """The training examples of the recipe's tasks; ``InputError`` where there is none."""
    examples = examples_of(recipe.data, "train")
    found = [e for e in examples if not recipe.tasks or e.task in recipe.tasks]
    if not found:
        raise InputError(
            "no training example of these tasks", recipe.data, "Build the data set first"
        )
    return found


def start_model(recipe: TrainRecipe, examples: Sequence[Example]) -> LlavaOnevision:
    """The model as it is before the first step, with the card it will be saved with."""
    choice = recipe.model
    tasks = tuple(sorted({e.task for e in examples}))
    access = strictest(e.access for e in examples)
    if choice.folder is not None:
        model = LlavaOnevision.from_folder(choice.folder)
        access = strictest([access, model.card.access])
        update = {"name": choice.name, "scope": choice.scope, "tasks": tasks, "access": access}
        model.card = model.card.model_copy(update=update)
        return model
    assert choice.tiny is not None  # the recipe has one of the two
    card = Card(
        name=choice.name,
        family="llava_onevision",
        scope=choice.scope,
        licence="Apache-2.0",
        access=access,
        tasks=tasks,
    )
    texts = (p for e in examples for t in e.turns for p in t.parts if isinstance(p, str))
    return make_tiny(choice.tiny, texts, card)


def _fit(
    model: LlavaOnevision,
    examples: Sequence[Example],
    recipe: TrainRecipe,
    progress: Progress | None,
) -> None:
    network, schedule = model.network.train(), recipe.schedule
    model.image_cache = recipe.image_cache
    optimizer = make_optimizer(network, model.vision_prefix, schedule)
    digest = recipes.digest(recipe)
    start = load_state(recipe.out / "state", network, optimizer, digest)
    done = start or Counters(0, 0, 0.0, digest)
    total = total_steps(examples, recipe)
    stream = batches(
        examples, recipe.questions_per_sequence, schedule.batch, recipe.seed, done.step
    )
    log = recipe.out / "metrics.jsonl"
    _keep_lines(log, done.step)
    with log.open("a", encoding="utf-8") as lines:
        for step in range(done.step, total):
            began = time.perf_counter()
            groups = next(stream)
            rows = [model.encode_group(to_chats(group)) for group in groups]
            factor = set_rate(optimizer, schedule, step, total)
            loss = _step(model, rows, optimizer, recipe)
            took = time.perf_counter() - began
            asked = sum(turn.role == "user" for g in groups for e in g for turn in e.turns)
            done = Counters(step + 1, done.samples + asked, done.seconds + took, digest)
            entry = {"step": step + 1, "loss": loss, "rate": factor, "samples": done.samples}
            lines.write(json.dumps({**entry, "seconds": round(done.seconds, 3)}) + "\n")
            if done.step % recipe.save_every == 0 and done.step < total:
                lines.flush()
                save_state(recipe.out / "state", network, optimizer, done)
            if progress:
                progress(done.step, total, note=f"loss {loss:.3f}")
    network.eval()


def _step(
    model: LlavaOnevision,
    rows: Sequence[Encoded],
    optimizer: torch.optim.Optimizer,
    recipe: TrainRecipe,
) -> float:
    """One optimiser step; returns the loss before it."""
    batch = model.collate(rows, left=False)
    optimizer.zero_grad(set_to_none=True)
    half = recipe.precision == "bfloat16"
    with torch.autocast(model.network.device.type, torch.bfloat16, enabled=half):
        loss = answer_loss(model.network, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.network.parameters(), recipe.schedule.clip)
    optimizer.step()
    return loss.item()


def _keep_lines(log: Path, steps: int) -> None:
    """Cut the metrics back to the state resumed from, so no step is there twice."""
    if log.exists():
        kept = log.read_text(encoding="utf-8").splitlines()[:steps]
        log.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
