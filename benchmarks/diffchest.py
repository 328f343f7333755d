"""DiffChest shown to be right on planted truth, and tried on real radiographs.

    python -m benchmarks.diffchest [PART …]

Parts: pretrain planted confounded vlm speed real. Cohorts, pretrainings and classifiers are kept in
``runs/diffchest``; figures join ``results/diffchest.json`` part by part.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.diffchest_cohorts import FINDING
from benchmarks.diffchest_page import write_page
from benchmarks.diffchest_pictures import draw_doses
from benchmarks.diffchest_planted import (
    black_boxes,
    dose,
    rebuilding,
    surrogates,
    test_images,
)
from benchmarks.diffchest_real import REAL, on_real_radiographs
from benchmarks.diffchest_setup import (
    FOLDER,
    POOLS,
    RESULT,
    TESTED,
    make_judge,
    make_pretraining,
    open_pool,
)
from benchmarks.diffchest_speed import speeds
from benchmarks.diffchest_vlm import through_the_model
from benchmarks.results_file import write_result
from radvlm.io.files import read_json
from radvlm.io.progress import Bar, Stages

Figures = dict[str, Any]


def pretrained(bar: Bar) -> Figures:
    """Both pretrainings, and how long they took."""
    found = {}
    for name in POOLS:
        make_pretraining(name, bar)
        last = (FOLDER / f"pre_{name}" / "metrics.jsonl").read_text().splitlines()[-1]
        found[name] = {"last": last}
    return found


def planted(bar: Bar) -> Figures:
    """The clean pool: heads, black boxes, surrogates."""
    judge, pool = make_judge(), open_pool("clean")
    prepared, four = test_images(pool)
    draw_doses(pool, prepared)
    found: Figures = {"rebuilding": rebuilding(pool, prepared, pool.probe(FINDING))}
    bar(1, 4)
    found["dose"] = dose(pool, judge, prepared, four)
    bar(2, 4)
    found["black_boxes"] = black_boxes(pool, pool, judge, prepared, four)
    bar(3, 4)
    found["surrogates"] = surrogates(pool, pool, judge, prepared, (0.5, 0.99, 1.0))
    bar(4, 4)
    return found


def confounded(bar: Bar) -> Figures:
    """The same with an autoencoder whose pool is confounded; the models are those of before."""
    judge, clean, pool = make_judge(), open_pool("clean"), open_pool("confounded")
    prepared, four = test_images(pool)
    found: Figures = {"rebuilding": rebuilding(pool, prepared, pool.probe(FINDING))}
    found["black_boxes"] = black_boxes(pool, clean, judge, prepared, four)
    bar(1, 2)
    found["surrogates"] = surrogates(pool, clean, judge, prepared, (0.5, 0.99, 1.0))
    bar(2, 2)
    return found


def vlm(bar: Bar) -> Figures:
    """The tiny vision-language model, twice."""
    return through_the_model(open_pool("clean"), FOLDER / "pre_clean" / "autoencoder", bar)


def speed(bar: Bar) -> Figures:
    """Images a second, few steps against many."""
    return speeds(make_judge())


PARTS: dict[str, Callable[[Bar], Figures]] = {
    "pretrain": pretrained,
    "planted": planted,
    "confounded": confounded,
    "vlm": vlm,
    "speed": speed,
    "real": on_real_radiographs,
}


def main() -> None:
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or [n for n in PARTS if n != "real" or (REAL / "manifest.csv").exists()]
    figures = read_json(RESULT)["figures"] if RESULT.exists() and sys.argv[1:] else {}
    with Stages(total=len(wanted)) as stages:
        for name in wanted:
            began = time.perf_counter()
            with stages.stage(name) as bar:
                found = PARTS[name](bar)
            figures[name] = {**found, "seconds": round(time.perf_counter() - began)}
            write_page(write_result("diffchest", "python -m benchmarks.diffchest", TESTED, figures))


if __name__ == "__main__":
    main()
