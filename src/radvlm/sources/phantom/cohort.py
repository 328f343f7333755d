"""``make_cohort``: a folder of simulated radiographs and the table that describes them.

Writes ``images/<view>.png`` (8-bit grey) and ``studies.parquet``, whole or not at all. Every study
is drawn from its own seeds, so the files are the same bytes for any number of workers.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from PIL import Image

from radvlm.io.files import atomic_folder
from radvlm.io.tables import write_studies
from radvlm.protocols import Pixels
from radvlm.records import Study
from radvlm.sources.phantom.plan import Correlation, PhantomConfig, Plan, plan
from radvlm.sources.phantom.study import draw

__all__ = ["TABLE", "Correlation", "PhantomConfig", "make_cohort"]

TABLE = "studies.parquet"


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
        studies = []
        with _mapped(partial(_make, config, aside), plans, workers) as made:
            for study in made:
                studies.append(study)
                if progress:
                    progress(len(studies), len(plans))
        write_studies(aside / TABLE, studies)


def _make(config: PhantomConfig, folder: Path, one: Plan) -> Study:
    study, images = draw(config, one)
    for view in study.views:
        save_png(images[view.id], folder / view.path)
    return study


def save_png(pixels: Pixels, path: Path) -> None:
    """Write uint8 [height, width] as 8-bit grey PNG without any metadata."""
    Image.fromarray(pixels).save(path, compress_level=1)


@contextmanager
def _mapped(
    make: Callable[[Plan], Study], plans: list[Plan], workers: int
) -> Iterator[Iterator[Study]]:
    """``make`` of every plan in order, in this process or in several."""
    if workers <= 1 or len(plans) < 2:
        yield map(make, plans)
        return
    with multiprocessing.get_context("spawn").Pool(min(workers, len(plans))) as pool:
        yield pool.imap(make, plans, chunksize=8)
