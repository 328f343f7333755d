"""What the paper's fine-tuning would need and last on each hardware, from generated metadata.

    python -m benchmarks.train_plan [--scale 0.01]

Builds the paper's mixture from releases of a hundredth of their size (``full_size``), images having
the sizes their tables name, and plans ``recipes/train/radvlm_7b.yaml`` for the published 1,115,021
examples on every overlay. Writes ``results/train_plan.json`` and ``training.md``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.full_size import PAPER, make_metadata, roots
from benchmarks.results_file import RESULTS, write_result
from benchmarks.training_page import write_page
from radvlm.train.foresight import SAMPLE

RECIPE = PAPER.parent / "train" / "radvlm_7b.yaml"
EXAMPLES = 1_115_021
VERB = [sys.executable, "-c", "from radvlm.cli import main; main()"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.01)
    scale = parser.parse_args().scale
    with tempfile.TemporaryDirectory() as folder:
        figures = plan(Path(folder), scale)
    command = f"python -m benchmarks.train_plan --scale {scale:g}"
    print(write_result("train_plan", command, SAMPLE, {"scale": scale, **figures}))
    write_page(RESULTS, RESULTS.parent / "training.md")


def plan(folder: Path, scale: float) -> dict[str, Any]:
    """The plan as the verb gives it, for the published number of examples."""
    make_metadata(folder / "releases", scale)
    data = folder / "data"
    subprocess.run(
        [*VERB, "build", str(PAPER), "--json", *roots(folder / "releases"), f"out={data}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    given = [f"data.folder={data}", f"data.planned={EXAMPLES}"]
    done = subprocess.run(
        [*VERB, "train", str(RECIPE), "--plan", "--json", *given],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
