"""Curves as inline SVG that takes its colours and fonts from the page it stands in."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from radvlm.evaluate.page_data import LossPoint

# Stand-ins that are replaced by variables of the style sheet, so that one SVG is legible in light
# and in dark: matplotlib itself can write only fixed colours.
_INK, _GRID, _RAW, _LINE = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {_INK: "--muted", _GRID: "--line", _RAW: "--accent-soft", _LINE: "--accent"}

SMOOTHED_FROM = 40
"""Fewer points than this are drawn as they are."""

_WIDTH = 9
"""Points the bold line is averaged over."""


def loss_curve(points: Sequence[LossPoint]) -> Markup:
    """Loss against samples seen, and the learning rate below it where every point has one."""
    rates = [p.rate for p in points if p.rate is not None]
    both = len(rates) == len(points)
    with _style():
        figure = Figure(figsize=(5.8, 4.0 if both else 2.9), layout="constrained")
        heights = [3, 1] if both else [1]
        axes = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)
        samples = [p.samples for p in points]
        _draw_loss(axes[0, 0], samples, [p.loss for p in points])
        if both:
            axes[1, 0].plot(samples, rates, color=_LINE, linewidth=1.6)
            axes[1, 0].set(ylabel="Rate / peak", ylim=(0, 1.05), yticks=(0, 0.5, 1))
        for axis in axes[:, 0]:
            axis.grid(axis="y", linewidth=0.8)
            axis.tick_params(length=0)
            axis.margins(x=0.01)
        axes[-1, 0].set_xlabel("Training samples seen")
        axes[-1, 0].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return _inline(figure)


def smooth(values: Sequence[float], width: int) -> list[float]:
    """Mean over ``width`` (odd) neighbours, fewer towards the ends; it does not lag behind."""
    kernel = np.ones(width)
    total = np.convolve(values, kernel, mode="same")
    return list(total / np.convolve(np.ones(len(values)), kernel, mode="same"))


def _style() -> AbstractContextManager[None]:
    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "radvlm",
            "font.size": 11.5,
            "axes.edgecolor": _GRID,
            "axes.labelcolor": _INK,
            "xtick.color": _INK,
            "ytick.color": _INK,
            "grid.color": _GRID,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )


def _draw_loss(axis: Axes, samples: list[int], losses: list[float]) -> None:
    if len(losses) < SMOOTHED_FROM:
        axis.plot(samples, losses, color=_LINE, linewidth=2, marker="o", markersize=3)
    else:
        axis.plot(samples, losses, color=_RAW, linewidth=1)
        axis.plot(samples, smooth(losses, _WIDTH), color=_LINE, linewidth=2)
    axis.set(ylabel="Loss (nats a token)", ylim=(0, None))


def _inline(figure: Figure) -> Markup:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    for start, end in (("<metadata>", "</metadata>"), ("<style", "</style>")):
        text = _without(text, start, end)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return Markup(text)  # numbers and the labels above only: nothing in it comes from data


def _without(text: str, start: str, end: str) -> str:
    """Metadata and style rules that would hold for the whole page."""
    before, found, rest = text.partition(start)
    return before + rest.partition(end)[2] if found else text
