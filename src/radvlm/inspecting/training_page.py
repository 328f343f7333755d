"""The page of a training run, ``training.html`` in its folder: losses, figures, sample answers.

It needs no network and holds no script. Pictures of data that is not open make it a page for its
owner alone, which says so at its top.
"""

from __future__ import annotations

from pathlib import Path

from radvlm.evaluate import page as evaluation
from radvlm.inspecting.data_page import environment
from radvlm.inspecting.training_content import training_content
from radvlm.io import egress
from radvlm.io.draw import PREDICTED, REFERENCE
from radvlm.io.files import atomic_path

FILE = "training.html"


def write_training_page(folder: Path, page: Path | None = None) -> Path:
    """Write the page of a run that has ended, whole or not at all; returns its path.

    Raises:
        TableError: the folder holds no such run.
    """
    content = training_content(folder)
    target = page or folder / FILE
    closed = bool(egress.refusal(content.access, "page", str(target)))
    text = (
        environment()
        .get_template("training.html.jinja")
        .render(
            content=content,
            closed=closed,
            max_side=evaluation.SIDES[0],
            colours={"predicted": PREDICTED, "reference": REFERENCE},
        )
    )
    with atomic_path(target, private=closed) as aside:
        aside.write_text(text, encoding="utf-8")
    return target
