"""After the last step, in the first process: what a checkpoint says of itself, and the end."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import torch

from radvlm import recipe as recipes
from radvlm.io.files import write_json
from radvlm.models.card import read_card
from radvlm.models.domain import write_domain
from radvlm.models.local import LocalModel
from radvlm.models.model_card import TRAINING, write_model_card
from radvlm.models.opening import open_model
from radvlm.records import Example
from radvlm.runtime.processes import Processes
from radvlm.runtime.state import Counters
from radvlm.train.facts import training_facts
from radvlm.train.recipe import TrainRecipe
from radvlm.train.sampling import Sampler, questions
from radvlm.train.selecting import images_of
from radvlm.train.summary import FILE, SAMPLES, summarize


def finish(
    recipe: TrainRecipe, examples: Sequence[Example], done: Counters, joined: Processes
) -> None:
    """Write card, sample answers and summary; the state goes last, so all can be redone."""
    out = recipe.out
    checkpoint = out / "checkpoint"
    facts = training_facts(recipe, examples, done, joined)
    write_json(checkpoint / TRAINING, facts)
    write_model_card(checkpoint)
    write_domain(images_of(examples, recipe.seed), checkpoint)
    _sample(recipe, examples, done)
    write_json(out / "recipe.json", recipes.dump(recipe))
    access = read_card(checkpoint).access
    write_json(out / FILE, summarize(out, facts, access, sampled=(out / SAMPLES).exists()))
    shutil.rmtree(out / "state", ignore_errors=True)


def _sample(recipe: TrainRecipe, examples: Sequence[Example], done: Counters) -> None:
    """Ask the checkpoint as everybody will open it; where memory is too small, nothing is asked."""
    if not recipe.samples:
        return
    try:
        model = open_model(recipe.out / "checkpoint")
        assert isinstance(model, LocalModel)  # a checkpoint folder is never a served model
        Sampler(recipe.out, questions(recipe, examples), done.step).ask(model, done.step)
    except torch.OutOfMemoryError:
        return
