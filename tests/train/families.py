"""A small data set and a tiny checkpoint of each family, as a run takes them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

import tiny_models
from radvlm.io.dataset import shard_name
from radvlm.io.files import write_json
from radvlm.io.tables import write_examples
from radvlm.models.card import TOY_SCOPE
from radvlm.models.local import LocalModel
from radvlm.recipe import check
from radvlm.records import Box, Example, Turn, View
from radvlm.train.recipe import TrainRecipe

WORDS = [
    "the",
    "heart",
    "is",
    "large",
    "no",
    "effusion",
    "where",
    "is",
    "the",
    "carina",
    "clear",
    "lungs",
]
FAMILIES = ("llava_onevision", "qwen3_vl", "gemma3")


def tiny(family: str) -> LocalModel:
    """An untrained model of the family, the same each time."""
    return tiny_models.tiny(family, [" ".join(WORDS)] * 5)


def examples(folder: Path, count: int = 24) -> list[Example]:
    """Examples of one to three rounds about images of several shapes, two about each."""
    rng, made = random.Random(0), []
    for number in range(count):
        view, path = f"v{number // 2}", folder / f"v{number // 2}.png"
        width, height = 30 + 7 * (number // 2 % 5), 40 + 9 * (number // 2 % 4)
        if not path.exists():
            noise = np.random.default_rng(number).integers(0, 255, (height, width), dtype=np.uint8)
            Image.fromarray(noise).save(path)
        turns: tuple[Turn, ...] = ()
        for _ in range(number % 3 + 1):
            asked = " ".join(rng.choices(WORDS, k=rng.randint(2, 9)))
            said = " ".join(rng.choices(WORDS, k=rng.randint(1, 30)))
            answer = Turn("assistant", (said + " ", (Box(0.1, 0.2, 0.5, 0.75),), "."))
            turns += (Turn("user", (asked,)), answer)
        task = ("report", "grounding")[number % 2]
        views = (View(view, str(path), "PA", width, height),)
        made.append(Example(f"e{number}", task, "s", "f", view, "train", "open", views, turns))
    return made


def data_set(folder: Path, count: int = 24) -> Path:
    """The examples as a built data set."""
    folder.mkdir(parents=True)
    name = shard_name("examples-train", 0, 1)
    write_examples(folder / name, examples(folder, count))
    source = {"name": "s", "access": "open", "licence": "CC0-1.0", "citation": "nobody"}
    about = {"mixture": "m", "recipe": "r", "access": "open", "sources": [source]}
    write_json(folder / "manifest.json", {"files": {name: ""}, **about})
    return folder


def recipe_of(root: Path, family: str, out: str, **changes: object) -> TrainRecipe:
    """A short run of the family on the data set below ``root``, both made where missing."""
    data, model = root / "data", root / family
    if not data.exists():
        data_set(data)
    if not model.exists():
        tiny(family).save(model)
    tree = {
        "out": root / out,
        "data": data,
        "model": {"folder": model, "name": "t", "scope": TOY_SCOPE},
        "schedule": {"epochs": 1.0, "batch": 4, "lr": 1e-3, "vision_lr": 2e-4},
        "questions_per_sequence": 4,
        "samples": 0,
    }
    return check(TrainRecipe, tree | changes)


def losses(out: Path) -> list[float]:
    """The loss of every step."""
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").open()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint folder, loaded by plain transformers."""
    network = AutoModelForImageTextToText.from_pretrained(folder)
    return {name: value.detach() for name, value in network.named_parameters()}
