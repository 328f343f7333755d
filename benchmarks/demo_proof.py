"""The demo, measured: does the tiny model learn from the image, and how long does it take?

    python -m benchmarks.demo_proof [--preset full] [--out runs/demo]

Writes ``results/demo.json``: every figure under every condition, trained minus blind with its
interval, seconds a stage.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.demo_page import write_page
from benchmarks.results_file import write_result
from radvlm.demo.figures import HEADLINES, demo_tables
from radvlm.demo.recipe import load_preset
from radvlm.demo.run import run_demo
from radvlm.evaluate.page_data import TaskTable
from radvlm.records import Score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="full")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"))
    arguments = parser.parse_args()
    summary = run_demo(arguments.preset, arguments.out, quiet=False)
    tables = demo_tables(load_preset(arguments.preset, arguments.out))
    figures = {
        "seconds": {**summary["seconds"], "total": round(sum(summary["seconds"].values()), 1)},
        "tasks": {table.task: _table(table) for table in tables},
    }
    command = f"python -m benchmarks.demo_proof --preset {arguments.preset}"
    answers = sum(_answers(table) for table in tables)
    path = write_result("demo", command, answers, figures)
    write_page(path, Path(__file__).parent / "demo.md")
    print(path)


def _table(table: TaskTable) -> dict[str, Any]:
    return {
        row.key: {
            "headline": HEADLINES[table.task] == row.key.split("/")[1],
            **{
                column: _figure(score)
                for column, score in zip(table.columns, row.scores, strict=True)
            },
            "differences": {
                one.baseline: {**_figure(one.difference), "verdict": one.verdict}
                for one in row.comparisons
            },
        }
        for row in table.rows
    }


def _figure(score: Score | None) -> dict[str, Any]:
    if score is None:
        return {"value": None}
    return {
        "value": score.value,
        "interval": score.interval,
        "n": score.n_total,
        "failed": score.n_failed,
    }


def _answers(table: TaskTable) -> int:
    score = table.rows[0].scores[-1]
    return score.n_total if score else 0


if __name__ == "__main__":
    main()
