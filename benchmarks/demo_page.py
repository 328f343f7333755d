"""``results/demo.json`` → ``demo.md``: does the tiny model learn from the image?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results_file import cell
from radvlm.demo.figures import HEADINGS
from radvlm.io.files import atomic_path, read_json


def write_page(results: Path, target: Path) -> None:
    """Write the document; its figures are those of the results file and no others."""
    found = read_json(results)
    seconds = found["figures"]["seconds"]
    stages = ", ".join(f"{name.lower()} {taken:.0f} s" for name, taken in seconds.items())
    text = [
        "# The demo, measured",
        "",
        "> Simulated radiographs and a toy model; research use only, not for diagnosis.",
        "",
        f"Command: `{found['command']}` at commit {found['commit']}, {found['hardware']}, "
        f"torch {found['versions']['torch']}. {found['n']} answers of test patients; "
        "intervals are 95 % by patient.",
        f"Time on this machine, for orientation only: {stages}.",
        "",
        f"| task | figure | {' | '.join(HEADINGS.values())} |",
        f"| --- | --- | {' | '.join(['---:'] * len(HEADINGS))} |",
    ]
    verdicts = ["", "Trained minus its baselines, patient by patient:", ""]
    for task, figures in found["figures"]["tasks"].items():
        for key, row in figures.items():
            if row["headline"]:
                cells = " | ".join(cell(row[column]) for column in HEADINGS.values())
                text.append(f"| {task} | {key.split('/')[1]} | {cells} |")
                verdicts += [_verdict(task, name, one) for name, one in row["differences"].items()]
    with atomic_path(target) as aside:
        aside.write_text("\n".join([*text, *verdicts]) + "\n", encoding="utf-8")


def _verdict(task: str, baseline: str, difference: dict[str, Any]) -> str:
    return f"- {task}: {difference['verdict']} {baseline}, {cell(difference)}"
