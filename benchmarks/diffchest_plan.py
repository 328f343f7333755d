"""The plan of the published pretraining on its three releases at their real size, without pixels.

Tables are invented and as large and shaped as the releases' (see ``benchmarks.full_size``), so that
what is counted here is what a person who holds the data sees, up to the rows' contents.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.full_size_chexpert import make_chexpert
from benchmarks.full_size_mimic import make_mimic
from benchmarks.full_size_padchest import make_padchest
from benchmarks.full_size_parts import Scale
from radvlm import recipe as recipes
from radvlm.explain.planning import count
from radvlm.explain.recipe import PretrainRecipe
from radvlm.io.progress import Bar

RECIPE = Path("recipes/diffchest.yaml")
RELEASES = ("mimic_cxr", "chexpert", "padchest")


def planned(bar: Bar, scale: float = 1.0) -> dict[str, Any]:
    """What ``radvlm explain pretrain recipes/diffchest.yaml --plan`` counts, and its seconds."""
    with TemporaryDirectory() as folder:
        root, size = Path(folder) / "releases", Scale(scale)
        root.mkdir()
        for make in (make_mimic, make_chexpert, make_padchest):
            make(root, size)
        changes = [f"data.roots.{name}={root / name}" for name in RELEASES]
        began = time.perf_counter()
        counted = count(recipes.load(PretrainRecipe, RECIPE, changes), bar)
        return {**counted, "seconds": round(time.perf_counter() - began, 1)}
