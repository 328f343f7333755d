"""The paper's figures from evaluations: F1 of each label (Figure 4), boxes side by side (5).

Figure 6, a conversation with several models, needs text that can be read and stands on the page
of ``compare_page``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from radvlm.errors import ImageError
from radvlm.evaluate.answers import Item
from radvlm.evaluate.browse_data import Evaluation
from radvlm.evaluate.score import Measured
from radvlm.evaluate.statistics import Floats, patient_of, resample_all
from radvlm.io.draw import PALETTE, PREDICTED, REFERENCE, draw_boxes
from radvlm.io.image import read_image
from radvlm.io.svg import house_style
from radvlm.metrics.counts import f1
from radvlm.metrics.label_f1 import LabelMacro13
from radvlm.metrics.resampling import interval
from radvlm.protocols import Pixels
from radvlm.tabling.comparison import model_name

TILE = 320
"""Longer side of a picture in a grid, in pixels."""


@dataclass(frozen=True, slots=True)
class LabelBar:
    """F1 of one label, 0…1, its interval by patient, and how many images have it."""

    name: str
    value: float
    interval: tuple[float, float] | None
    support: int


@dataclass(frozen=True, slots=True)
class LabelBars:
    """The bars of one model and its macro F1; ``key`` says how labels were read."""

    model: str
    key: str
    bars: tuple[LabelBar, ...]
    macro: float


def label_bars(found: Evaluation, samples: int = 2000, seed: int = 0) -> LabelBars | None:
    """The bars of an evaluation; none where no label F1 was measured."""
    figures = _label_figures(found.measured)
    if not figures:
        return None
    # By name the paper's keyword matching comes before our reader, as Figure 4 has it.
    measured = min(figures, key=lambda one: one.key)
    metric, rows = measured.metric, measured.rows
    assert isinstance(metric, LabelMacro13) and rows is not None
    clusters = [patient_of(item.example) for item in measured.items]
    single = [partial(_one_label, rows[:, 3 * k : 3 * k + 3]) for k in range(len(metric.names))]
    drawn = resample_all(single, clusters, samples, seed)
    support = rows[:, :-1].reshape(len(rows), -1, 3)[..., (0, 2)].sum((0, 2))
    bars = tuple(
        LabelBar(name, float(values[0]), interval(values[1:]), int(count))
        for name, values, count in zip(metric.names, drawn, support, strict=True)
    )
    return LabelBars(model_name(found), measured.key, bars, float(np.mean(drawn[:, 0])))


def _label_figures(measured: Sequence[Measured]) -> list[Measured]:
    return [
        one
        for one in measured
        if one.task == "classification"
        and isinstance(one.metric, LabelMacro13)
        and one.metric.average == "macro"
        and one.rows is not None
    ]


def _one_label(counts: Floats, weights: Floats) -> Floats:
    """F1 [B] of one label's hits, false alarms and misses [n, 3]; 0 where there is none."""
    true, false, missed = (weights @ counts).T
    return np.nan_to_num(f1(true, false, missed))


def draw_label_bars(models: Sequence[LabelBars]) -> Figure:
    """Figure 4: bars a label, one colour a model, the macro F1 of each as a dashed line."""
    names = [bar.name for bar in models[0].bars]
    with house_style(10):
        figure = Figure(figsize=(1.6 + 0.62 * len(names), 3.9), layout="constrained")
        axes = figure.subplots()
        width = 0.8 / len(models)
        for index, model in enumerate(models):
            colour = PALETTE[index % len(PALETTE)]
            places = np.arange(len(names)) + (index - (len(models) - 1) / 2) * width
            values = np.array([bar.value for bar in model.bars])
            bounds = [bar.interval or (bar.value, bar.value) for bar in model.bars]
            errors = np.abs(np.array(bounds).T - values)
            label = f"{model.model} (macro {100 * model.macro:.1f})"
            axes.bar(places, 100 * values, 0.92 * width, color=colour, label=label)
            axes.errorbar(places, 100 * values, 100 * errors, fmt="none", ecolor="#666", lw=0.8)
            axes.axhline(100 * model.macro, color=colour, linestyle="--", linewidth=1.3)
        texts = [f"{bar.name}\n({bar.support})" for bar in models[0].bars]
        axes.set_xticks(range(len(names)), texts, rotation=40, ha="right", rotation_mode="anchor")
        axes.set(ylabel="F1 (%)", ylim=(0, 100), xlim=(-0.6, len(names) - 0.4))
        axes.tick_params(length=0)
        axes.grid(axis="y", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.16), ncols=len(models))
        return figure


def drawn_items(found: Evaluation, task: str, count: int, seed: int) -> list[tuple[Item, Pixels]]:
    """So many answers of a task with something to point at, and their radiographs.

    They are drawn at random, never picked; an image that cannot be read is passed over.
    """
    items = [one for one in found.items if one.example.task == task and one.target.boxes]
    random.Random(seed).shuffle(items)
    drawn: list[tuple[Item, Pixels]] = []
    for item in items:
        if len(drawn) == count:
            break
        with suppress(ImageError):
            drawn.append((item, read_image(Path(item.example.views[0].path))))
    return drawn


def boxed_tasks(found: Evaluation) -> list[str]:
    """Tasks whose answers are boxes, in alphabetical order."""
    return sorted({i.example.task for i in found.items if i.target.boxes and not i.turn})


def grounding_grid(items: Sequence[tuple[Item, Pixels]], columns: int = 4) -> Image.Image:
    """Figure 5: radiographs with predicted boxes (solid) and true ones (dashed), RGB."""
    tiles = [_tile(item, pixels) for item, pixels in items]
    wide, high = max(t.width for t in tiles), max(t.height for t in tiles)
    lines = -(-len(tiles) // columns)
    across = min(columns, len(tiles))
    sheet = Image.new("RGB", (across * (wide + 6) - 6, lines * (high + 6) - 6), "white")
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        left = column * (wide + 6) + (wide - tile.width) // 2
        sheet.paste(tile, (left, row * (high + 6) + (high - tile.height) // 2))
    return sheet


def _tile(item: Item, pixels: Pixels) -> Image.Image:
    said = [(name, box, PREDICTED) for name, box, _ in item.answer.boxes]
    true = [("" if said else name, box, REFERENCE) for name, box, _ in item.target.boxes]
    return draw_boxes(pixels, said, TILE, references=true, min_side=TILE)
