"""What the demo's page shows: the files of a finished run → ``PageData``.

Examples are the first by id of each task, never chosen by how well they went.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import transformers
import yaml

from radvlm import __version__
from radvlm import recipe as recipes
from radvlm.codecs import get_codec
from radvlm.demo.figures import demo_tables, predictions_of
from radvlm.demo.recipe import DemoRecipe
from radvlm.evaluate.answers import Item, read_answers
from radvlm.evaluate.page_data import (
    Conversation,
    LossPoint,
    NamedBox,
    PageData,
    Picture,
    RegionBar,
    ReportPair,
    Run,
    Step,
)
from radvlm.evaluate.run import chosen, tasks_of
from radvlm.io.files import read_json
from radvlm.io.image import read_image
from radvlm.io.provenance import commit, hardware
from radvlm.metrics.ap50_by_name import Ap50ByName
from radvlm.models.card import TOY_SCOPE
from radvlm.protocols import Pixels
from radvlm.records import Answer, Example, Part, Prediction, Turn

BOX_TASKS = (
    "anatomical_grounding",
    "abnormality_grounding",
    "abnormality_detection",
    "phrase_grounding",
)
LOSS_POINTS = 150


def page_data(
    recipe: DemoRecipe, seconds: Mapping[str, float], commands: Sequence[tuple[str, str]]
) -> PageData:
    """Everything on the page of a finished demo."""
    settings = recipe.evaluate_recipe("trained")
    examples = chosen(settings)
    made = predictions_of(recipe)
    tasks = tasks_of(examples)
    items = {name: read_answers(examples, made[name], tasks) for name in ("majority", "trained")}
    return PageData(
        title="radvlm demo: a tiny model learns to read simulated radiographs",
        scope=TOY_SCOPE,
        access="open",
        run=_run(recipe, seconds, commands),
        tables=demo_tables(recipe),
        regions=_regions(items),
        pictures=tuple(_pictures(items["trained"])),
        conversation=_conversation(examples, made["trained"]),
        reports=tuple(_reports(items["trained"])),
        loss=_loss(recipe.out / "model" / "metrics.jsonl"),
        examples_note="The first examples of each task by id, not chosen by how well they went.",
        lead="Every radiograph here is drawn by a program, and every figure is measured in this "
        "run on patients the model has not seen. Blind: the same questions, answered by the "
        "trained model about another patient's image.",
    )


def _regions(items: Mapping[str, Sequence[Item]]) -> tuple[RegionBar, ...]:
    """AP at IoU 0.5 of each region asked for and visible, trained beside the mean box."""
    by_region: dict[str, dict[str, list[Item]]] = {}
    for condition, found in items.items():
        for item in found:
            if item.example.task == "anatomical_grounding" and item.target.boxes:
                region = by_region.setdefault(item.target.boxes[0][0], {})
                region.setdefault(condition, []).append(item)
    return tuple(
        RegionBar(name, _ap(one["trained"]), _ap(one["majority"]), len(one["trained"]))
        for name, one in sorted(by_region.items())
    )


def _ap(items: Sequence[Item]) -> float:
    metric = Ap50ByName()
    rows = metric.rows([i.answer for i in items], [i.target for i in items])
    return float(metric.reduce(rows, np.ones((1, len(items))))[0])


def _pictures(items: Sequence[Item]) -> list[Picture]:
    found = []
    for task in BOX_TASKS:
        of_task = (i for i in sorted(items, key=lambda i: i.example.id) if i.example.task == task)
        boxed = (item for item in of_task if item.target.boxes)
        found += [_picture(item) for item in islice(boxed, 3)]
    return found


_GAP = re.compile(r"(?<=[\w:]) (?=[.;])")
"""Where boxes stood in an answer's text: nobody else writes a blank before a full stop."""


def _picture(item: Item) -> Picture:
    return Picture(
        pixels=_pixels(item.example),
        task=item.example.task,
        question=_plain(item.question),
        answer=_GAP.sub(" ▭", item.answer.text),
        predicted=_boxes(item.answer),
        true=_boxes(item.target),
    )


def _boxes(answer: Answer) -> tuple[NamedBox, ...]:
    return tuple((name, box) for name, box, _ in answer.boxes)


def _conversation(
    examples: Sequence[Example], predictions: Sequence[Prediction]
) -> Conversation | None:
    """The first grounded conversation, with the model's own replies."""
    said = {p.example: p for p in predictions if not p.error}
    for example in sorted(examples, key=lambda e: e.id):
        if example.task != "grounded_conversation" or example.id not in said:
            continue
        made = said[example.id]
        codec = get_codec(made.codec)
        replies = iter(made.replies)
        turns = tuple(
            Turn("assistant", codec.parse(next(replies).text, (1, 1))[0])
            if turn.role == "assistant"
            else turn
            for turn in example.turns
        )
        return Conversation(_pixels(example), turns)
    return None


def _reports(items: Sequence[Item]) -> list[ReportPair]:
    of_task = [i for i in sorted(items, key=lambda i: i.example.id) if i.example.task == "report"]
    return [ReportPair(i.answer.text, i.target.text, _pixels(i.example)) for i in of_task[:3]]


def _loss(path: Path) -> tuple[LossPoint, ...]:
    """The training loss, averaged over windows so that at most ``LOSS_POINTS`` remain."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    width = -(-len(lines) // LOSS_POINTS)
    windows = [lines[start : start + width] for start in range(0, len(lines), width)]
    return tuple(
        LossPoint(w[-1]["samples"], sum(line["loss"] for line in w) / len(w), w[-1]["rate"])
        for w in windows
    )


def _run(
    recipe: DemoRecipe, seconds: Mapping[str, float], commands: Sequence[tuple[str, str]]
) -> Run:
    manifest = read_json(recipe.out / "data" / "manifest.json")
    counts = {
        "studies": manifest["studies"],
        **{f"patients in {split}": n for split, n in manifest["patients"].items()},
        "examples": sum(row["examples"] for row in manifest["examples"]),
        "records quarantined": manifest["quarantined"],
    }
    return Run(
        steps=tuple(Step(name, taken) for name, taken in seconds.items()),
        counts=counts,
        versions={
            "radvlm": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "numpy": np.__version__,
        },
        settings={
            "hardware": hardware(),
            "seed": str(recipe.seed),
            "commit": commit(),
            "recipe hash": recipes.digest(recipe),
            "data hash": str(read_json(recipe.out / "evaluation" / "scores.json")["data"]),
        },
        recipes={"demo": yaml.safe_dump(recipes.dump(recipe), sort_keys=False)},
        commands=tuple(commands),
    )


def _pixels(example: Example) -> Pixels:
    return read_image(Path(example.views[0].path))


def _plain(parts: Sequence[Part]) -> str:
    return "".join(part if isinstance(part, str) else "[boxes]" for part in parts)
