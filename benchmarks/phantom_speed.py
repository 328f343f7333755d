"""How many simulated radiographs one core draws and writes as PNG in a second.

    python -m benchmarks.phantom_speed [--size 256] [--images 200] [--batches 20]

Writes ``results/phantom_speed.json``: images a second a core, the median over the batches of a
default cohort with its 95 % bootstrap interval, by processor time (other programs do not count).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.results_file import write_result
from radvlm.sources.phantom.cohort import save_png
from radvlm.sources.phantom.plan import PhantomConfig, Plan, plan
from radvlm.sources.phantom.study import draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--batches", type=int, default=20)
    arguments = parser.parse_args()
    size, images, batches = arguments.size, arguments.images, arguments.batches
    config = PhantomConfig(patients=images, size=size, lateral=0)
    plans = list(islice(plan(config), images))
    with tempfile.TemporaryDirectory() as folder:
        speeds = [speed(config, plans[k::batches], Path(folder)) for k in range(batches)]
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(speeds, (2000, batches)), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5]).tolist()
    figure = {
        "value": round(float(np.median(speeds)), 1),
        "interval": [round(low, 1), round(high, 1)],
    }
    options = f"--size {size} --images {images} --batches {batches}"
    command = f"python -m benchmarks.phantom_speed {options}"
    figures = {f"images_per_second_per_core_{size}px": figure}
    print(write_result("phantom_speed", command, images, figures))


def speed(config: PhantomConfig, plans: list[Plan], folder: Path) -> float:
    """Images a second of processor time for drawing and writing these studies."""
    start = time.process_time()
    for one in plans:
        study, images = draw(config, one)
        for view in study.views:
            save_png(images[view.id], folder / f"{view.id}.png")
    return len(plans) / (time.process_time() - start)


if __name__ == "__main__":
    main()
