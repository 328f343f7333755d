"""``results/inference.json`` → ``benchmarks/inference.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results_file import cell
from radvlm.io.files import atomic_path, read_json

PAGE = Path(__file__).parent / "inference.md"
BATCHED, SECOND = 4.0, 0.4


def write_page(results: Path) -> None:
    """The page, from the results alone."""
    with atomic_path(PAGE) as aside:
        aside.write_text(page(read_json(results)), encoding="utf-8")


def page(found: dict[str, Any]) -> str:
    """Markdown: how it was measured, ratios with their bars, what is refused."""
    figures = found["figures"]
    batched, second = figures["batched"], figures["second_turn"]
    lines = [
        "# Inference",
        "",
        f"`{found['command']}`, commit {found['commit']}, {found['hardware']}.",
        "The tiny model of `radvlm demo`; ratios of one run, medians with 95 % intervals of their "
        "bootstrap. Absolute speeds of real models need a GPU and were not measured here.",
        "",
        "| what | ratio | wanted |",
        "| --- | ---: | ---: |",
        f"| replies a second, batches of {batched['batch']} with remembered images, over a loop of "
        f"`generate` | {cell(batched)} | ≥ {BATCHED:.2f} |",
        f"| first piece of a second turn over that of the first | {cell(second)} | "
        f"≤ {SECOND:.2f} |",
        "",
        f"{batched['same_text']} of {batched['questions']} greedy replies are the same both ways.",
        "",
        "## Images unlike those of the training",
        "",
        "Share of test images that the checkpoint reads, as they are and spoiled:",
        "",
        "| image | accepted | of |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {cell(one)} | {one['of']} |" for name, one in figures["domain"].items()),
        "",
    ]
    return "\n".join(lines)
