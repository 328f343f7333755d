"""``radvlm train``: a built data set and a recipe → a checkpoint folder.

One process, or as many as ``torchrun`` starts. Writes ``checkpoint/`` (Hugging Face layout with
``radvlm.json`` and its model card), ``metrics.jsonl`` (a line a step), ``samples.json`` (answers on
the way), ``damaged.jsonl`` where images could not be read, ``recipe.json`` and ``summary.json``;
``state/`` holds what a rerun needs to go on, and is removed at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import torch

from radvlm import registry
from radvlm.errors import CheckpointError, InputError
from radvlm.io.egress import strictest
from radvlm.io.files import check_writable
from radvlm.models.card import Card, read_card
from radvlm.models.local import LocalModel
from radvlm.models.tiny import make_tiny
from radvlm.records import Example
from radvlm.runtime.memory import keep_freed_memory
from radvlm.runtime.processes import Processes, processes
from radvlm.runtime.state import Counters, Saver, load_state, tensors_of
from radvlm.train.engine import Engine
from radvlm.train.finishing import finish
from radvlm.train.learner import prepare
from radvlm.train.loading import load
from radvlm.train.meters import Listener
from radvlm.train.optimization import FIRST_SCALE, make_optimizer
from radvlm.train.planning import Lengths, check_division, plan
from radvlm.train.recipe import TrainRecipe, identity
from radvlm.train.sampling import Sampler, questions
from radvlm.train.saving import save_checkpoint
from radvlm.train.selecting import training_examples
from radvlm.train.sequences import epoch_sequences
from radvlm.train.summary import summary_of
from radvlm.train.telling import Progress, Teller
from radvlm.train.trackers import open_tracker

__all__ = ["start_model", "total_steps", "train", "training_examples"]


def train(
    recipe: TrainRecipe, progress: Progress | None = None, listeners: Sequence[Listener] = ()
) -> Path:
    """Run the recipe to its end, going on from a saved state where there is one.

    Args:
        recipe: what to do.
        progress: told of every step, in the first process.
        listeners: told more of every step, in the first process.

    Returns:
        The checkpoint folder.

    Raises:
        InputError: the data set holds no training example of the tasks asked for, or the processes
            are not those the recipe reckons with.
        IncompleteError: the loss, memory or too many damaged images ended the run.
    """
    with processes(recipe.processes) as joined:
        check_division(recipe, joined.size)
        check_writable(recipe.out)
        if _has_ended(recipe):
            return recipe.out / "checkpoint"
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        examples = training_examples(recipe)
        model = start_model(recipe, examples, joined)
        if joined.device.type == "cpu":
            keep_freed_memory()
        heard = [*listeners, *_tracker(recipe, model, joined)]
        done = _fit(model, examples, recipe, joined, Teller(recipe, joined, progress, heard))
        joined.wait()
        if joined.first:
            del model
            finish(recipe, examples, done, joined)
    return recipe.out / "checkpoint"


def _has_ended(recipe: TrainRecipe) -> bool:
    """Whether the folder holds this very run, ended.

    Raises:
        CheckpointError: it holds another one, which would be lost.
    """
    found = summary_of(recipe.out)
    if found is not None and found["recipe"] != identity(recipe):
        raise CheckpointError(
            "the folder holds a run with another recipe", recipe.out, "Choose another 'out'"
        )
    return found is not None


def _tracker(recipe: TrainRecipe, model: LocalModel, joined: Processes) -> list[Listener]:
    return [open_tracker(recipe, model.card.access)] if recipe.tracker and joined.first else []


def total_steps(examples: Sequence[Example], recipe: TrainRecipe) -> int:
    """Optimiser steps of a run; incomplete last batches of an epoch are left for the next."""
    groups = len(epoch_sequences(examples, recipe.questions_per_sequence, recipe.seed, 0))
    return max(1, round(recipe.schedule.epochs * groups / recipe.schedule.batch))


def start_model(
    recipe: TrainRecipe, examples: Sequence[Example], joined: Processes | None = None
) -> LocalModel:
    """The model as it is before the first step, with the card it will be saved with."""
    choice = recipe.model
    tasks = tuple(sorted({e.task for e in examples}))
    access = strictest(e.access for e in examples)
    if choice.folder is not None:
        model = _from_folder(choice.folder, recipe, joined)
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


def _from_folder(folder: Path, recipe: TrainRecipe, joined: Processes | None) -> LocalModel:
    """The checkpoint with its family's class; on the CPU where it is to be cut into shards."""
    family = registry.resolve("models", read_card(folder).family)
    options = {}
    if recipe.lora and recipe.lora.quantize:
        _check_quantizable(joined)
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    device = "cpu" if joined and joined.size > 1 else None
    model: LocalModel = family.from_folder(folder, device, options)
    return model


def _check_quantizable(joined: Processes | None) -> None:
    """Raise ``InputError`` where weights cannot be brought to four bits, or not be sharded then."""
    key, without = "lora.quantize", "Set lora.quantize=false"
    if not torch.cuda.is_available():
        raise InputError("needs a CUDA device", key, without)
    if joined and joined.size > 1:
        raise InputError("weights in four bits cannot be sharded", key, without)
    if find_spec("bitsandbytes") is None:
        raise InputError("needs bitsandbytes", key, "pip install bitsandbytes")


def _fit(
    model: LocalModel,
    examples: Sequence[Example],
    recipe: TrainRecipe,
    joined: Processes,
    teller: Teller,
) -> Counters:
    """All steps from where the run stands, and the checkpoint."""
    kind = model.network.dtype
    learner = prepare(model, recipe, joined)
    model.image_cache = recipe.image_cache
    optimizer = make_optimizer(model, recipe.schedule)
    digest, state = identity(recipe), recipe.out / "state"
    fresh = Counters(recipe=digest, scale=FIRST_SCALE if recipe.precision == "float16" else 1.0)
    done = load_state(state, learner, optimizer, digest, joined) or fresh
    total = total_steps(examples, recipe)
    micros = plan(examples, recipe, Lengths(model), joined.rank, joined.size, done.step, total)
    engine = Engine(model, learner, optimizer, recipe, joined, total)
    with ExitStack() as stack:
        saver = Saver(state, joined)
        stack.callback(saver.close)
        stack.callback(teller.close)
        stream = load(model, micros, recipe.workers)
        meters, before = teller.start(done, total), done.seconds
        sampler = Sampler(recipe.out, _asked_on_the_way(recipe, examples, joined), done.step)
        while done.step < total:
            done, stepped = engine.step(done, stream)
            done = replace(done, seconds=before + meters.seconds)
            teller.tell(done, stepped, meters)
            saver.check()
            if done.step % recipe.save_every == 0 and done.step < total:
                saver.save(tensors_of(learner, optimizer), done)
                sampler.ask(model, done.step)
        saver.finish()
    model.network.eval()
    save_checkpoint(model, learner, recipe, joined, kind)
    return done


def _asked_on_the_way(
    recipe: TrainRecipe, examples: Sequence[Example], joined: Processes
) -> list[Example]:
    """What is asked at every save; nothing of a network in shards, which cannot write alone."""
    return questions(recipe, examples) if recipe.samples and joined.size == 1 else []
