"""The paper's data set planned and built from releases of their real size: how long, how much.

    python -m benchmarks.build_speed [--root FOLDER] [--scales 0.01 0.1 1] [--workers 2]

Makes the metadata (``full_size``) where ``--root`` does not hold it yet, runs ``radvlm build
recipes/paper.yaml`` with ``--plan`` and without, and checks each row against what has to come out.
The files have just been written or read, so they come from memory and not from the disk. Chest
ImaGenome's scene graphs are timed apart at their real size, against parsing the same files alone.
Writes ``results/build.json``, ``build.md`` and ``results/build.svg``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.build_page import draw, write_page
from benchmarks.full_size import PAPER, expected, make_metadata, roots
from benchmarks.full_size_scenes import thicken
from benchmarks.results_file import RESULTS, write_result
from benchmarks.watched import Watched, watch
from radvlm import recipe as recipes
from radvlm.build.part import open_sources
from radvlm.build.recipe import BuildRecipe

GRAPHS_SCALE, ROUNDS = 0.012, 5
"""A release of this scale has some 2,000 scene graphs."""

BUILD = [sys.executable, "-c", "from radvlm.cli import main; main()", "build", str(PAPER)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--scales", type=float, nargs="+", default=[0.01, 0.1, 1.0])
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.root or Path(folder)
        scales = [measure(root, scale, arguments.workers) for scale in arguments.scales]
        graphs = measure_graphs(root)
    figures = {"workers": arguments.workers, "scales": scales, "scene_graphs": graphs}
    options = " ".join(f"{scale:g}" for scale in arguments.scales)
    command = f"python -m benchmarks.build_speed --scales {options} --workers {arguments.workers}"
    path = write_result("build", command, scales[-1]["training_examples"], figures)
    draw(path, RESULTS / "build.svg")
    write_page(path, Path(__file__).parent / "build.md")
    print(path)
    sys.exit(0 if all(one["as_expected"] for one in scales) else 1)


def measure(root: Path, scale: float, workers: int) -> dict[str, Any]:
    """Plan and build at one scale, each once in a process of its own."""
    releases = _metadata(root, scale)
    out = root / f"out-{scale:g}"
    common = [*BUILD, "--json", *roots(releases), f"out={out}", f"workers={workers}"]
    planned = watch([*common, "--plan"])
    rows = {row["name"]: row for row in json.loads(planned.output)["rows"]}
    built = watch(common)
    manifest = json.loads(built.output)
    kept = {row["row"]: row["examples"] for row in manifest["examples"]}
    size = sum(path.stat().st_size for path in out.iterdir())
    shutil.rmtree(out)
    wanted = expected(scale)
    as_expected = {name: row["kept"] for name, row in rows.items()} == wanted
    as_expected &= kept == {name: wanted[name] * rows[name]["repeat"] for name in rows}
    training = [row for row in rows.values() if not row["name"].startswith("test_")]
    return {
        "scale": scale,
        "studies": manifest["studies"],
        "training_examples": sum(row["examples"] for row in training),
        "unique_training_examples": sum(row["kept"] for row in training),
        "as_expected": as_expected,
        "quarantined": manifest["quarantined"],
        "plan": _figures(planned),
        "build": _figures(built),
        "megabytes": round(size / 1e6, 1),
        "rows": [
            {k: row[k] for k in ("name", "kept", "repeat", "published")} for row in rows.values()
        ],
    }


def measure_graphs(root: Path) -> dict[str, Any]:
    """Our reader and ``orjson.loads`` on the same scene graphs, in turn."""
    releases = _metadata(root, GRAPHS_SCALE)
    paths = thicken(releases / "chest_imagenome")
    recipe = recipes.load(BuildRecipe, PAPER, roots(releases))
    source = open_sources(recipe)["chest_imagenome"]

    def ours() -> int:
        return sum(len(study.views) for study in source.studies())

    def parse() -> int:
        return sum("objects" in orjson.loads(path.read_bytes()) for path in paths)

    views, parsed = ours(), parse()
    seconds: dict[str, list[float]] = {"ours": [], "orjson": []}
    for _ in range(ROUNDS):
        seconds["ours"].append(_timed(ours))
        seconds["orjson"].append(_timed(parse))
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    ratios = [a / b for a, b in zip(seconds["ours"], seconds["orjson"], strict=True)]
    return {
        "files": parsed,
        "views": views,
        "megabytes": round(megabytes, 1),
        "ratio": round(statistics.median(ratios), 2),
        **{name: _speed(taken, len(paths), megabytes) for name, taken in seconds.items()},
    }


def _speed(taken: Sequence[float], files: int, megabytes: float) -> dict[str, float]:
    middle = statistics.median(taken)
    return {
        "seconds": round(middle, 2),
        "files_per_second": round(files / middle),
        "megabytes_per_second": round(megabytes / middle, 1),
    }


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _figures(watched: Watched) -> dict[str, float]:
    return {"seconds": round(watched.seconds, 1), "peak_gb": round(watched.peak / 1e9, 2)}


def _metadata(root: Path, scale: float) -> Path:
    """The releases of that scale; made unless they are there whole."""
    releases, mark = root / f"scale-{scale:g}", root / f"scale-{scale:g}.whole"
    if not mark.exists():
        shutil.rmtree(releases, ignore_errors=True)
        releases.mkdir(parents=True)
        make_metadata(releases, scale)
        mark.touch()
    return releases


if __name__ == "__main__":
    main()
