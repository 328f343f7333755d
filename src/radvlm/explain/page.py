"""A page of explain as one HTML file: text, tables and pictures; no script, no network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL.Image import Image

from radvlm.explain.pictures import png
from radvlm.io import egress
from radvlm.io.files import atomic_path
from radvlm.records import Access


@dataclass(frozen=True, slots=True)
class Part:
    """A section. ``pictures`` are (caption, picture); ``tone`` is good, bad or open."""

    title: str
    text: Sequence[str] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    pictures: Sequence[tuple[str, Image]] = ()
    verdict: str = ""
    tone: str = "open"


def write_page(
    path: Path, title: str, lead: str, scope: str, parts: Sequence[Part], access: Access
) -> None:
    """Write the page, whole or not at all; pictures of closed data are left out, and it says so."""
    lines = []
    withheld = egress.refusal(access, "page", str(path))
    for part in parts:
        held = () if withheld else part.pictures
        text = [
            *part.text,
            *([f"Pictures left out: {withheld}."] if part.pictures and withheld else []),
        ]
        lines.append(
            {
                "title": part.title,
                "text": text,
                "head": part.head,
                "rows": part.rows,
                "verdict": part.verdict,
                "tone": part.tone,
                "pictures": [(c, base64.b64encode(png(p)).decode()) for c, p in held],
            }
        )
    made = _environment().get_template("page.html.jinja")
    with atomic_path(path) as aside:
        text_ = made.render(title=title, lead=lead, scope=scope, parts=lines)
        aside.write_text(text_, encoding="utf-8")


def cell(figure: Mapping[str, Any] | None, digits: int = 2) -> str:
    """A figure and its interval; a dash where there is none."""
    if not figure or figure["value"] is None:
        return "–"
    bounds = figure["interval"]
    ends = f" ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})" if bounds else ""
    return f"{figure['value']:.{digits}f}{ends}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("radvlm.explain"), autoescape=True, undefined=StrictUndefined
    )
