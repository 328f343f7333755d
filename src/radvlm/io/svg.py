"""Matplotlib figures as inline SVG that takes its colours and fonts from the page it stands in.

Draw with the stand-in colours ``INK``, ``GRID``, ``SOFT`` and ``LINE`` inside ``house_style``;
``inline`` puts variables of the page's style sheet in their place, so that one SVG is legible in
light and in dark. Matplotlib itself can write only fixed colours.
"""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

INK, GRID, SOFT, LINE = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {INK: "--muted", GRID: "--line", SOFT: "--accent-soft", LINE: "--accent"}
_NAMES = re.compile(r'(?<=\sid=")|(?<=url\(#)|(?<=href="#)')


def house_style(size: float = 11.5) -> AbstractContextManager[None]:
    """The look of every curve and bar; ``size`` is that of the letters in points."""
    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "radvlm",
            "font.size": size,
            "axes.edgecolor": GRID,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "grid.color": GRID,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )


def inline(figure: Figure, name: str) -> Markup:
    """The figure as one ``<svg>``; ``name`` sets its ids apart from those of others on the page.

    Every text in the figure has to be the program's own: it becomes markup.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    for start, end in (("<metadata>", "</metadata>"), ("<style", "</style>")):
        text = _without(text, start, end)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return Markup(_NAMES.sub(f"{name}-", text))


def _without(text: str, start: str, end: str) -> str:
    """Metadata and style rules that would hold for the whole page."""
    before, found, rest = text.partition(start)
    return before + rest.partition(end)[2] if found else text
