"""``radvlm browse``: every example of an evaluation on one page that opens from disk.

The page needs no network. Its only script is its own, named by hash in the content security
policy, and draws the examples a page at a time from a block of JSON; texts become text nodes, never
markup. Examples of data that is not open make it a page that is not to be shared: it says so at the
top and at every image, and only its owner can read the file. A share-safe page has no script and
no example: counts, spreads and figures alone.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from radvlm.errors import OutputError
from radvlm.evaluate.browse_data import (
    Counts,
    Evaluation,
    figures_of,
    open_evaluation,
    own_figures,
    task_counts,
)
from radvlm.evaluate.browse_examples import as_plain
from radvlm.evaluate.page import number
from radvlm.evaluate.page_data import RESEARCH_ONLY
from radvlm.evaluate.subgroups import FEW
from radvlm.io import egress
from radvlm.io.draw import PREDICTED, REFERENCE
from radvlm.io.files import atomic_path
from radvlm.io.progress import Bar

_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}


def write_browse_page(
    folder: Path,
    condition: str,
    counts: Counts,
    out: Path | None = None,
    *,
    share_safe: bool = False,
    limit: int | None = None,
    progress: Bar | None = None,
) -> dict[str, Any]:
    """Write the page of one condition, whole or not at all.

    Args:
        folder: of the evaluation; nothing is written into it unless ``out`` says so.
        condition: which of its conditions.
        counts: how exactly counts are shown; a share-safe page needs one that hides the small ones.
        out: where to; ``default_page`` unless given.
        share_safe: aggregates alone.
        limit: show so many examples, drawn at random; the figures stay those of all.
        progress: told how many examples are done.

    Returns:
        Plain facts of the page, ``page`` its path.

    Raises:
        TableError: the folder holds no scores of that condition, or the data set has changed.
        OutputError: the page would lie inside the data set, or cannot be written.
    """
    target = out or default_page(folder, condition, share_safe)
    found = open_evaluation(folder, condition)
    if target.resolve().is_relative_to(found.recipe.data.resolve()):
        raise OutputError("lies inside the data set", target, "Choose another place with --out")
    access = egress.strictest(() if share_safe else (one.access for one in found.examples))
    values = [own_figures(one) for one in found.measured]
    figures = figures_of(found, values)
    data = None if share_safe else as_plain(found, figures, values, limit, progress)
    tasks = task_counts(found)
    text = _render(
        found=found,
        figures=figures,
        tasks=tasks,
        causes=sorted({cause for one in tasks for cause in one.failures}),
        data=data,
        counts=counts,
        access=access,
        share_safe=share_safe,
    )
    with atomic_path(target, private=bool(egress.refusal(access, "page", str(target)))) as aside:
        aside.write_bytes(text.encode("utf-8"))
    return {
        "page": str(target),
        "condition": condition,
        "share_safe": share_safe,
        "access": access,
        "examples": len(data["examples"]) if data else 0,
        "pictures": len(data["pictures"]) if data else 0,
        "answers": len(found.items),
        "failed": sum(sum(one.failures.values()) for one in tasks),
        "bytes": len(text.encode("utf-8")),
    }


def default_page(folder: Path, condition: str, share_safe: bool = False) -> Path:
    """Beside the evaluation, so that what may not leave stays where the predictions are."""
    place = Path(os.path.abspath(folder))
    kind = "shareable" if share_safe else "browse"
    return place.with_name(f"{place.name}.{condition}.{kind}.html")


def json_block(data: Any) -> Markup:
    """JSON that can stand inside a ``script`` element: no ``<`` in it, nor any other markup."""
    plain = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Markup(plain.translate(_UNSAFE))


def _render(*, found: Evaluation, data: dict[str, Any] | None, **parts: Any) -> str:
    style, script = _asset("page.css") + _asset("browse.css"), _asset("browse.js")
    style = f":root {{ --predicted: {PREDICTED}; --reference: {REFERENCE} }}\n{style}"
    template = _environment().get_template("browse.html.jinja")
    return template.render(
        **parts,
        found=found,
        shown=len(data["examples"]) if data else 0,
        block=json_block(data) if data else None,
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, [script] if data else []),
        notice=RESEARCH_ONLY,
        few=FEW,
    )


def _policy(style: str, scripts: Sequence[str]) -> str:
    """Nothing may be loaded or run but pictures within the page and what is named here by hash."""
    named = " ".join(_source(script) for script in scripts) or "'none'"
    rest = "base-uri 'none'; form-action 'none'"
    return (
        f"default-src 'none'; img-src data:; style-src {_source(style)}; script-src {named}; {rest}"
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _asset(name: str) -> str:
    return files("radvlm.evaluate").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("radvlm.evaluate", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number)
    return environment
