"""Every release of the paper's mixture at its real size and shape, without the pixels.

    python -m benchmarks.full_size ROOT [--scale 1]

Writes ``ROOT/<source>`` for each source of ``recipes/paper.yaml``: the tables as the releases have
them, images as empty files (DICOM headers for VinDr-CXR), and the folder that ``radvlm curate``
would leave. Everything is invented. What passes each row's own filters is exactly as much as Table
1 of the RadVLM paper says, so that a build has to come out at 1,115,021 training examples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np

from benchmarks.full_size_chexpert import chexpert_rows, make_chexpert
from benchmarks.full_size_mimic import make_mimic, mimic_rows
from benchmarks.full_size_padchest import make_padchest, padchest_rows
from benchmarks.full_size_parts import Curated, Scale
from benchmarks.full_size_text import Sentences
from benchmarks.full_size_vindr import make_vindr, vindr_rows
from radvlm import recipe as recipes
from radvlm.build.recipe import BuildRecipe
from radvlm.io.dataset import MANIFEST, STUDIES, shard_name
from radvlm.io.files import sha256_of, write_json
from radvlm.io.tables import write_studies
from radvlm.records import Study, View

PAPER = Path(__file__).parents[1] / "recipes" / "paper.yaml"
SHARDS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    for row, count in make_metadata(arguments.root, arguments.scale).items():
        print(f"{row:28}{count:>10,}")


def make_metadata(root: Path, scale: float = 1.0) -> dict[str, int]:
    """Write all releases below ``root``, which must not hold them yet.

    Args:
        root: a folder; each source of the recipe gets one of its name there.
        scale: share of the real counts, from about 0.002 to 1.

    Returns:
        What ``expected`` says.
    """
    n = Scale(scale)
    curated = [*make_mimic(root, n), *make_chexpert(root, n), *make_padchest(root, n)]
    make_vindr(root / "vindr_cxr", n)
    _write_curated(root / "curated", curated)
    return expected(scale)


def expected(scale: float = 1.0) -> dict[str, int]:
    """Row of ``recipes/paper.yaml`` → unique examples a build has to give, caps applied."""
    n = Scale(scale)
    there = {**mimic_rows(n), **chexpert_rows(n), **vindr_rows(n), **padchest_rows(n)}
    rows = recipes.load(BuildRecipe, PAPER).tasks
    return {name: min(there[name], row.cap or there[name]) for name, row in rows.items()}


def roots(root: Path) -> list[str]:
    """The overrides that tell a build where everything is."""
    names = recipes.load(BuildRecipe, PAPER).sources
    return [f"data.roots.{name}={root / name}" for name in names]


def _write_curated(folder: Path, curated: list[Curated]) -> None:
    """Shards by patient, each in the order of the studies, and their manifest."""
    rng = np.random.default_rng(5)
    sentences = Sentences(rng)
    shards: list[list[Curated]] = [[] for _ in range(SHARDS)]
    for one in sorted(curated, key=lambda c: (c.family, c.patient, c.study)):
        shards[crc32(one.patient.encode()) % SHARDS].append(one)
    paths = [folder / shard_name(STUDIES, index, SHARDS) for index in range(SHARDS)]
    for path, members in zip(paths, shards, strict=True):
        write_studies(path, _studies(rng, sentences, members))
    files = {path.name: sha256_of(path) for path in paths}
    write_json(folder / MANIFEST, {"files": files, "access": "credentialed"})


def _studies(
    rng: np.random.Generator, sentences: Sentences, curated: list[Curated]
) -> Iterator[Study]:
    reports = sentences.reports(rng, len(curated))
    for one, report in zip(curated, reports, strict=True):
        yield Study(
            family=one.family,
            sources=("curated",),
            id=one.study,
            patient=one.patient,
            split=one.split,
            access="credentialed",
            views=tuple(View(view, "") for view in one.views),
            texts={"findings.curated": report} if one.text else {},
            dialogues=tuple(sentences.dialogue(rng, t.view, t.grounded) for t in one.talks),
        )


if __name__ == "__main__":
    main()
