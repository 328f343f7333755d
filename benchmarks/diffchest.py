"""DiffChest shown to be right on planted truth, and tried on real radiographs.

    python -m benchmarks.diffchest [PART …]

Parts: see ``PARTS``. Cohorts, pretrainings and classifiers are kept in
``runs/diffchest``; figures join ``results/diffchest.json`` part by part.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.diffchest_cohorts import FINDING
from benchmarks.diffchest_page import averages, write_page
from benchmarks.diffchest_pictures import draw_doses
from benchmarks.diffchest_plan import planned
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
        found[name] = json.loads(last)
    return found


def doses(bar: Bar) -> Figures:
    """Heads on z trained with more and more of the device, seen through the clean pool."""
    pool = open_pool("clean")
    prepared, four = test_images(pool)
    draw_doses(pool, prepared)
    return {
        "rebuilding": rebuilding(pool, prepared, pool.probe(FINDING)),
        "dose": dose(pool, make_judge(), prepared, four, None, bar),
    }


def lesser_doses(bar: Bar) -> Figures:
    """The same heads, asked to be less sure: a shorter step shows less of what they rest on."""
    pool = open_pool("clean")
    prepared, four = test_images(pool)
    return {"dose_95": dose(pool, make_judge(), prepared, four, 0.95, bar)}


def boxes(name: str, bar: Bar) -> Figures:
    """Small classifiers of pixels, trained on the clean pool and seen through a pool."""
    judge, clean, pool = make_judge(), open_pool("clean"), open_pool(name)
    prepared, four = test_images(pool)
    found: Figures = {"black_boxes": black_boxes(pool, clean, judge, prepared, four)}
    bar(1, 2)
    return found


def wishes(name: str, bar: Bar) -> Figures:
    """The same classifiers through their surrogates."""
    judge, clean, pool = make_judge(), open_pool("clean"), open_pool(name)
    prepared, _ = test_images(pool)
    return {"surrogates": surrogates(pool, clean, judge, prepared, (0.5, 0.99, 1.0), bar)}


def vlm(bar: Bar) -> Figures:
    """The tiny vision-language model, twice."""
    return through_the_model(open_pool("clean"), FOLDER / "pre_clean" / "autoencoder", bar)


def speed(bar: Bar) -> Figures:
    """Images a second, few steps against many."""
    return speeds(make_judge())


PARTS: dict[str, tuple[str, Callable[[Bar], Figures]]] = {
    "pretrain": ("pretraining", pretrained),
    "doses": ("planted", doses),
    "lesser_doses": ("planted", lesser_doses),
    "boxes": ("planted", partial(boxes, "clean")),
    "wishes": ("planted", partial(wishes, "clean")),
    "confounded_boxes": ("confounded", partial(boxes, "confounded")),
    "confounded_wishes": ("confounded", partial(wishes, "confounded")),
    "vlm": ("vlm", vlm),
    "speed": ("speed", speed),
    "plan": ("plan", planned),
    "real": ("real", on_real_radiographs),
}
"""Part → where its figures stand, and what it does."""


def main() -> None:
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or [n for n in PARTS if n != "real" or (REAL / "manifest.csv").exists()]
    with Stages(total=len(wanted)) as stages:
        for name in wanted:
            began = time.process_time()
            group, work = PARTS[name]
            with stages.stage(name) as bar:
                found = work(bar)
            # Read again: parts may run beside each other.
            figures = read_json(RESULT)["figures"] if RESULT.exists() else {}
            figures.setdefault(group, {}).update(found)
            seconds = figures.setdefault("cpu_seconds", {})
            seconds[name] = round(time.process_time() - began)
            figures["averages"] = averages(figures)
            write_page(write_result("diffchest", "python -m benchmarks.diffchest", TESTED, figures))


if __name__ == "__main__":
    main()
