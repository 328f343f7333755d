"""The page of a built data set: counts, distributions and random examples in one HTML file.

It needs no network and holds no script. Examples of data that is not open make it a page that is
not to be shared: it says so at the top and at every image, and only its owner can read the file.
A share-safe page holds aggregates alone. Style sheet and parts are those of an evaluation's page.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from radvlm.errors import OutputError
from radvlm.evaluate import page as evaluation
from radvlm.evaluate.page_marks import data_uri
from radvlm.inspecting.content import Content, content_of, in_order
from radvlm.inspecting.disclosure import Disclosure
from radvlm.inspecting.facts import read_manifest
from radvlm.inspecting.sample import card_of
from radvlm.inspecting.survey import survey
from radvlm.io import egress
from radvlm.io.draw import PREDICTED, REFERENCE
from radvlm.io.files import atomic_path
from radvlm.io.progress import Bar

PER_TASK = 3
"""Random examples of each task."""


def write_data_page(
    folder: Path,
    page: Path | None = None,
    *,
    share_safe: bool = False,
    seed: int = 0,
    progress: Bar | None = None,
) -> Path:
    """Read a data set once and write its page, whole or not at all.

    Args:
        folder: the data set; nothing is written into it.
        page: where to; ``default_page`` unless given.
        share_safe: aggregates alone, counts under ten hidden.
        seed: draws other examples.
        progress: told how many records are read.

    Returns:
        The page's path.

    Raises:
        TableError: the folder holds no data set of this version, or a shard is damaged.
        OutputError: the page would lie inside the data set, or cannot be written.
    """
    target = page or default_page(folder, share_safe)
    if target.resolve().is_relative_to(folder.resolve()):
        raise OutputError("lies inside the data set", target, "Choose another place with --page")
    manifest = read_manifest(folder)
    total = sum(row["examples"] for row in manifest["examples"]) + manifest["studies"]
    found = survey(
        folder, total, per_task=0 if share_safe else PER_TASK, seed=seed, progress=progress
    )
    drawn = [example for task, _ in in_order(found) for example in found.samples[task].drawn()]
    shown = [manifest["access"], *(one.access for one in drawn)] if not share_safe else []
    access = egress.strictest(shown)
    cards = tuple(map(card_of, drawn))
    content = content_of(manifest, found, cards, access, Disclosure(share_safe))
    text = _fitting(content, target)
    with atomic_path(target, private=bool(egress.refusal(access, "page", str(target)))) as aside:
        aside.write_bytes(text)
    return target


def default_page(folder: Path, share_safe: bool = False) -> Path:
    """Beside the data set, so that what may not leave stays where the data is."""
    place = Path(os.path.abspath(folder))
    return place.with_name(f"{place.name}.{'shareable' if share_safe else 'inspect'}.html")


def render(content: Content, max_side: int = evaluation.SIDES[0]) -> str:
    """The page as text, pictures no larger than ``max_side`` pixels."""
    template = environment().get_template("data.html.jinja")
    colours = {"predicted": PREDICTED, "reference": REFERENCE}
    return template.render(content=content, max_side=max_side, colours=colours)


def _fitting(content: Content, target: Path) -> bytes:
    for side in evaluation.SIDES:
        text = render(content, side).encode("utf-8")
        if len(text) < evaluation.LIMIT:
            return text
    raise OutputError(
        "the page would be larger than 5 MB", target, "The mixture has too many tasks"
    )


@cache
def environment() -> Environment:
    """Templates of this package, and the style sheet and parts of an evaluation's page."""
    made = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("radvlm.inspecting", "templates"),
                PackageLoader("radvlm.evaluate", "templates"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        data_uri=data_uri,
        number=evaluation.number,
        sentence=evaluation.sentence,
        best=evaluation.best,
        comparisons=evaluation.comparisons,
    )
    return made
