"""Bars of a distribution and maps of box centres, as inline SVG; no text of the data is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from radvlm.inspecting.disclosure import Disclosure
from radvlm.io.svg import GRID, LINE, house_style, inline

_LETTERS = 8.5
_FIGURE = (2.6, 1.9)
_FAINT = 0.1
_STEPS = tuple(base * 10**power for power in range(9) for base in (1, 2, 5))


@dataclass(frozen=True, slots=True)
class Binned:
    """Counts in bins side by side; ``ticks`` are (place from 0 to the number of bins, label)."""

    counts: tuple[int, ...]
    ticks: tuple[tuple[float, str], ...]


def bars(binned: Binned, axis: str, disclosure: Disclosure, name: str) -> Markup:
    """A histogram; bars of hidden counts are hollow and of one height.

    Args:
        binned: what is drawn.
        axis: what is counted, below the horizontal axis.
        disclosure: how exactly.
        name: of this figure on its page.
    """
    heights = [disclosure.value(count) for count in binned.counts]
    hollow = [disclosure.hides(count) for count in binned.counts]
    places, labels = zip(*binned.ticks, strict=True)
    with house_style(_LETTERS):
        figure = Figure(figsize=_FIGURE, layout="constrained")
        axes = figure.subplots()
        axes.bar(
            range(len(heights)),
            heights,
            width=0.9,
            align="edge",
            color=["none" if empty else LINE for empty in hollow],
            edgecolor=LINE,
            linewidth=[0.7 if empty else 0 for empty in hollow],
        )
        axes.set(xlabel=axis, xlim=(-0.2, len(heights) + 0.1), ylim=(0, 1.05 * max(heights)))
        axes.set_xticks(places, labels)
        axes.tick_params(axis="x", pad=5)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="y", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        return inline(figure, name)


def centre_map(counts: NDArray[np.int64], disclosure: Disclosure, name: str) -> Markup:
    """Where boxes have their centres on the image, [row, column]; the denser, the stronger.

    Cells of hidden counts are all equally faint.
    """
    rows, columns = counts.shape
    most = max(disclosure.value(int(counts.max())), 1)
    filled = [(row, column) for row, column in np.ndindex(rows, columns) if counts[row, column]]
    colours = []
    for place in filled:
        count = int(counts[place])
        dense = 0 if disclosure.hides(count) else disclosure.value(count) / most
        colours.append((*to_rgb(LINE), _FAINT + (1 - _FAINT) * dense))
    with house_style(_LETTERS):
        figure = Figure(figsize=(2.6, 2.4), layout="constrained")
        axes = figure.subplots()
        axes.bar(
            [column for _, column in filled],
            1,
            width=1,
            bottom=[row for row, _ in filled],
            align="edge",
            color=colours,
            linewidth=0,
        )
        axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xlabel="width of the image")
        axes.set_ylabel("height")
        axes.set_xticks(np.linspace(0, columns, 3), ("0", "0.5", "1"))
        axes.set_yticks(np.linspace(0, rows, 3), ("0", "0.5", "1"))
        axes.spines[["top", "right"]].set_visible(True)
        axes.spines[:].set_color(GRID)
        axes.tick_params(length=0)
        return inline(figure, name)


def whole_numbers(counts: Mapping[int, int], cut: int, most: int = 24) -> Binned:
    """Bins of whole numbers from 0 to ``cut``, at most about ``most``; the last holds the rest."""
    step = next(s for s in _STEPS if cut / s < most)
    last = cut // step
    binned = [0] * (last + 1)
    for value, count in counts.items():
        binned[min(value // step, last)] += count
    every = next(s for s in _STEPS if (last + 1) / s <= 6)
    shift = 0.45 if step == 1 else 0
    ticks = [(k + shift, f"{k * step:,}") for k in range(0, last + 1, every)]
    if max(counts) >= (last + 1) * step:
        ticks = [tick for tick in ticks if last - tick[0] > every / 2]
        ticks.append((last + 0.45, f"{last * step:,}+"))
    return Binned(tuple(binned), tuple(ticks))
