"""``radvlm phantom --as NAME``: a cohort is simulated and written as a data set's release."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from radvlm.errors import InputError
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort

RELEASES = (
    "mimic_cxr",
    "mimic_cxr_reports",
    "chest_imagenome",
    "ms_cxr",
    "chexpert",
    "chexpert_plus",
    "vindr_cxr",
    "padchest",
    "padchest_gr",
    "nih_cxr14",
    "openi",
    "llava_json",
)
"""Each is a module of this package with ``write(cohort, out)``."""


def make_release(
    name: str,
    config: PhantomConfig,
    out: Path,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, list[str]]:
    """Simulate and write; returns the traps planted, each with the ids of its records.

    Raises:
        InputError: there is no release of that name.
        OutputError: ``out`` cannot be written.
    """
    if name not in RELEASES:
        raise InputError(f"no release called {name!r}", remedy=f"Known: {', '.join(RELEASES)}")
    writer = import_module(f"radvlm.sources.phantom.releases.{name}")
    with tempfile.TemporaryDirectory() as folder:
        cohort = Path(folder) / "cohort"
        make_cohort(config, cohort, workers, progress)
        planted: dict[str, list[str]] = writer.write(cohort, out)
    return planted
