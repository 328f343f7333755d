"""``make_cohort``: a folder of simulated radiographs and the table that describes them.

Writes ``images/<view>.png`` (8-bit grey) and ``studies.parquet``, whole or not at all. Every study
is drawn from its own seeds, so the files are the same bytes for any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from radvlm.io.files import atomic_folder
from radvlm.io.tables import write_studies
from radvlm.protocols import Pixels
from radvlm.records import Study
from radvlm.runtime.shards import map_shards
from radvlm.sources.phantom.plan import Correlation, PhantomConfig, Plan, plan
from radvlm.sources.phantom.study import draw

__all__ = ["TABLE", "Correlation", "PhantomConfig", "make_cohort"]

TABLE = "studies.parquet"
_CHUNK = 8


def make_cohort(
    config: PhantomConfig,
    folder: Path,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Simulate the cohort into ``folder``, which must not hold anything else.

    ``progress`` is told how many studies of how many are done.

    Raises:
        OutputError: the folder cannot be written or holds other files.
    """
    plans = list(plan(config))
    with atomic_folder(folder, replace=True) as aside:
        (aside / "images").mkdir()
        chunks = [plans[at : at + _CHUNK] for at in range(0, len(plans), _CHUNK)]
        studies: list[Study] = []
        for _, made in map_shards(partial(_make_some, config, aside), chunks, workers=workers):
            studies += made
            if progress:
                progress(len(studies), len(plans))
        write_studies(aside / TABLE, studies)


def _make_some(config: PhantomConfig, folder: Path, plans: Sequence[Plan]) -> list[Study]:
    return [_make(config, folder, one) for one in plans]


def _make(config: PhantomConfig, folder: Path, one: Plan) -> Study:
    study, images = draw(config, one)
    for view in study.views:
        save_png(images[view.id], folder / view.path)
    return study


def save_png(pixels: Pixels, path: Path) -> None:
    """Write uint8 [height, width] as 8-bit grey PNG without any metadata."""
    Image.fromarray(pixels).save(path, compress_level=1)
