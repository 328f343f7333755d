"""``radvlm train --plan``: what a run would compute, need and last, before anything starts.

Tokens and operations are counted on a sample of the sequences it would learn from, with the images'
sizes from their records; no image is read, and no weight is loaded. Time follows from the card's
peak and the share of it that the plan assumes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import device as torch_device

from radvlm import registry
from radvlm.errors import ImageError, InputError
from radvlm.io.image import image_size
from radvlm.models.backbone import Backbone
from radvlm.models.batches import Encoded, Shown
from radvlm.models.card import Card, read_card
from radvlm.models.encoding import Tokens
from radvlm.models.real_shapes import SHAPES, shaped
from radvlm.protocols import Chat
from radvlm.records import Example, View
from radvlm.train.arithmetic import PEAKS, Arithmetic, patch_values
from radvlm.train.footprint import Footprint, Row, footprint
from radvlm.train.learner import adapt
from radvlm.train.planning import Group, check_division
from radvlm.train.recipe import TrainRecipe
from radvlm.train.run import start_model
from radvlm.train.selecting import training_examples
from radvlm.train.sequences import epoch_sequences
from radvlm.train.telling import Progress

SAMPLE = 400
"""Sequences counted one by one."""

PAPER_GPU_HOURS = 128 * 12
"""The published run: 32 nodes of four GH200 for about twelve hours (paper, §3.2)."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A whole run. ``error`` is the relative standard error of operations from sampling."""

    sequences: int
    steps: int
    tokens: float
    operations: float
    error: float
    row: Row


@dataclass(frozen=True, slots=True)
class Forecast:
    """A run on some cards; ``memory_gb`` and ``mfu`` are those of the overlay."""

    hardware: str
    card: str
    processes: int
    accumulation: int
    footprint: Footprint
    memory_gb: float
    mfu: float
    gpu_hours: float

    @property
    def days(self) -> float:
        """Wall-clock days without a pause."""
        return self.gpu_hours / self.processes / 24

    @property
    def fits(self) -> bool:
        """Whether it leaves a tenth of the card's memory free."""
        return self.footprint.total < 0.9 * self.memory_gb * 1e9


Planned = tuple[Workload, Forecast]


def planned_model(recipe: TrainRecipe, examples: Sequence[Example]) -> Backbone:
    """The network without its weights, ready as the recipe trains it.

    Raises:
        InputError: the folder is not there and the recipe names no published size.
    """
    choice = recipe.model
    if choice.tiny is not None:
        model: Backbone = start_model(recipe, examples)
    elif choice.folder is not None and choice.folder.is_dir():
        model = _of_folder(choice.folder)
    elif choice.shape in SHAPES:
        texts = [p for e in examples[:2000] for t in e.turns for p in t.parts if isinstance(p, str)]
        card = Card(name=choice.name, family="llava_onevision")
        model = shaped(choice.shape, texts, card)
    else:
        known = ", ".join(SHAPES)
        raise InputError("is not there", choice.folder, f"Name its size: model.shape={known}")
    for part in recipe.freeze:
        for parameter in model.parameter_groups()[part]:
            parameter.requires_grad_(False)
    if recipe.lora:
        adapt(model, recipe.lora)
    return model


def _of_folder(folder: Path) -> Backbone:
    from transformers import AutoConfig

    card = read_card(folder)
    family = registry.resolve("models", card.family)
    with torch_device("meta"):
        network = family.network_class(AutoConfig.from_pretrained(folder, local_files_only=True))
    made: Backbone = family(network, family.load_processor(folder), card, "planned")
    return made


def workload(model: Backbone, recipe: TrainRecipe, examples: Sequence[Example]) -> Workload:
    """Count a sample of the sequences and reckon the run from it.

    Raises:
        ImageError: a record has no size, its image cannot be read, and the recipe assumes none.
    """
    groups = epoch_sequences(examples, recipe.questions_per_sequence, recipe.seed, 0)
    scale = (recipe.data.planned or len(examples)) / len(examples)
    sequences = round(recipe.schedule.epochs * len(groups) * scale)
    some = random.Random(recipe.seed).sample(groups, min(SAMPLE, len(groups)))
    rows = [_row(model, group, recipe.data.planned_size) for group in some]
    count = Arithmetic(model)
    operations = np.array([count([row]) for row in rows])
    tokens = [len(row.tokens.ids) for row in rows]
    spread = operations.std(ddof=1) / len(rows) ** 0.5 if 1 < len(rows) < len(groups) else 0.0
    return Workload(
        sequences=sequences,
        steps=max(1, round(sequences / recipe.schedule.batch)),
        tokens=float(np.mean(tokens)) * sequences,
        operations=float(operations.mean()) * sequences,
        error=float(spread / operations.mean()),
        row=_at_once(model, recipe, rows),
    )


def forecast(model: Backbone, recipe: TrainRecipe, load: Workload) -> Forecast:
    """What the workload takes on the recipe's cards.

    Raises:
        InputError: the recipe names no card, or one whose peak is not known.
    """
    card, size = recipe.accelerator, recipe.processes or 1
    if card is None or card.name not in PEAKS:
        raise InputError(
            "no card whose peak is known",
            "accelerator.name",
            f"One of {', '.join(PEAKS)}, or hardware=… for an overlay that names one",
        )
    seconds = load.operations / (PEAKS[card.name] * card.mfu)
    return Forecast(
        hardware=recipe.hardware or "recipe",
        card=card.name,
        processes=size,
        accumulation=check_division(recipe, size),
        footprint=footprint(model, recipe, size, load.row),
        memory_gb=card.memory_gb,
        mfu=card.mfu,
        gpu_hours=seconds / 3600,
    )


def paper_share(load: Workload) -> float:
    """The share of a GH200's peak the published run would have used for this workload."""
    return load.operations / (PAPER_GPU_HOURS * 3600 * PEAKS["GH200"])


def forecasts(recipes_of: Sequence[TrainRecipe], progress: Progress) -> list[Planned]:
    """Reckon for several recipes of one data set, such as one recipe on several cards."""
    made: list[Planned] = []
    for number, recipe in enumerate(recipes_of, 1):
        examples = training_examples(recipe)
        model = planned_model(recipe, examples)
        load = workload(model, recipe, examples)
        made.append((load, forecast(model, recipe, load)))
        progress(number, len(recipes_of), note=recipe.hardware or recipe.model.name)
    return made


def _row(model: Backbone, group: Group, assumed: tuple[int, int] | None) -> Encoded:
    """A sequence as it would be, images without their pixels."""
    images = tuple(_shown(model, view, assumed) for view in group[0].views)
    marks = model.processor.tokenizer("".join(model.image_texts(images)), add_special_tokens=False)
    ids, learn = list(marks.input_ids), [False] * len(marks.input_ids)
    for example in group:
        text = model.encode(Chat((), example.turns), open_reply=False).tokens
        ids += text.ids
        learn += text.learn
    return Encoded(Tokens(tuple(ids), tuple(learn)), images)


def _shown(model: Backbone, view: View, assumed: tuple[int, int] | None) -> Shown:
    if view.height and view.width:
        return model.sized((view.height, view.width))
    try:
        width, height = image_size(Path(view.path))
    except ImageError:
        if assumed is None:
            raise
        height, width = assumed
    return model.sized((height, width))


def _at_once(model: Backbone, recipe: TrainRecipe, rows: Sequence[Encoded]) -> Row:
    """What one process computes at once: a full row, or a micro-batch of the longest sequences."""
    each = patch_values(model.network.config.vision_config)
    tokens = np.array([len(row.tokens.ids) for row in rows], float)
    learned = np.array([sum(row.tokens.learn) for row in rows], float)
    patches = np.array([sum(i.pixels.numel() for i in row.images) / each for row in rows], float)
    if recipe.packing:
        wide = max(recipe.packing, tokens.max())
        return Row(wide, *(wide / tokens.mean() * np.array([learned.mean(), patches.mean()])))
    size = recipe.micro_batch or -(-recipe.schedule.batch // (recipe.processes or 1))
    return Row(*(size * np.array([tokens.max(), learned.max(), patches.max()])))
