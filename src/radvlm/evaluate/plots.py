"""Curves as inline SVG that takes its colours and fonts from the page it stands in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from radvlm.evaluate.page_data import LossPoint
from radvlm.io.svg import LINE, SOFT, house_style, inline

SMOOTHED_FROM = 40
"""Fewer points than this are drawn as they are."""

_WIDTH = 9
"""Points the bold line is averaged over."""


def loss_curve(points: Sequence[LossPoint]) -> Markup:
    """Loss against samples seen, and the learning rate below it where every point has one."""
    rates = [p.rate for p in points if p.rate is not None]
    both = len(rates) == len(points)
    with house_style():
        figure = Figure(figsize=(5.8, 4.0 if both else 2.9), layout="constrained")
        heights = [3, 1] if both else [1]
        axes = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)
        samples = [p.samples for p in points]
        _draw_loss(axes[0, 0], samples, [p.loss for p in points])
        if both:
            axes[1, 0].plot(samples, rates, color=LINE, linewidth=1.6)
            axes[1, 0].set(ylabel="Rate / peak", ylim=(0, 1.05), yticks=(0, 0.5, 1))
        for axis in axes[:, 0]:
            axis.grid(axis="y", linewidth=0.8)
            axis.tick_params(length=0)
            axis.margins(x=0.01)
        axes[-1, 0].set_xlabel("Training samples seen")
        axes[-1, 0].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return inline(figure, "loss")


def smooth(values: Sequence[float], width: int) -> list[float]:
    """Mean over ``width`` (odd) neighbours, fewer towards the ends; it does not lag behind."""
    kernel = np.ones(width)
    total = np.convolve(values, kernel, mode="same")
    return list(total / np.convolve(np.ones(len(values)), kernel, mode="same"))


def _draw_loss(axis: Axes, samples: list[int], losses: list[float]) -> None:
    if len(losses) < SMOOTHED_FROM:
        axis.plot(samples, losses, color=LINE, linewidth=2, marker="o", markersize=3)
    else:
        axis.plot(samples, losses, color=SOFT, linewidth=1)
        axis.plot(samples, smooth(losses, _WIDTH), color=LINE, linewidth=2)
    axis.set(ylabel="Loss (nats a token)", ylim=(0, None))
