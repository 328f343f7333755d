"""``results/build.json`` → ``build.md`` and its figure: what the paper's data set takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from radvlm.io.files import atomic_path, read_json

BAR_SECONDS, BAR_GB = 60, 2
"""What plan and build may each take at full size on two cores."""


def write_page(results: Path, target: Path) -> None:
    """Write the document; its figures are those of the results file and no others."""
    found = read_json(results)
    figures = found["figures"]
    full = figures["scales"][-1]
    text = [
        "# Building the paper's data set, measured",
        "",
        "> Invented releases of the real size and shape; research use only, not for diagnosis.",
        "",
        f"Command: `{found['command']}` at commit {found['commit']}, {found['hardware']}, "
        f"{figures['workers']} worker processes. Tables and image folders come from memory, not "
        "from the disk. Memory is the most that all processes held at one moment.",
        "",
        f"At scale {full['scale']:g}: {full['training_examples']:,} training examples, "
        f"{full['unique_training_examples']:,} of them unique, from {full['studies']:,} studies; "
        f"{full['quarantined']:,} records quarantined; every row "
        f"{'is' if full['as_expected'] else 'is NOT'} what the releases allow.",
        "",
        *_scales(figures["scales"]),
        "",
        f"The bar for each at full size is {BAR_SECONDS} s and {BAR_GB} GB: {_bars(full)}.",
        "",
        "![seconds against training examples](results/build.svg)",
        "",
        "## Rows",
        "",
        *_rows(full["rows"]),
        "",
        "## Scene graphs",
        "",
        *_graphs(figures["scene_graphs"]),
    ]
    with atomic_path(target) as aside:
        aside.write_text("\n".join(text) + "\n", encoding="utf-8")


def draw(results: Path, target: Path) -> None:
    """Seconds of plan and build against training examples, both axes from 0."""
    scales = read_json(results)["figures"]["scales"]
    examples = [one["training_examples"] / 1e6 for one in scales]
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "radvlm"}):
        figure = Figure(figsize=(5.8, 3.4), layout="constrained")
        axes = figure.subplots()
        for name, colour in (("plan", "#9a6b00"), ("build", "#2b6cb0")):
            seconds = [one[name]["seconds"] for one in scales]
            axes.plot(examples, seconds, color=colour, linewidth=2, marker="o", label=name)
        axes.axhline(BAR_SECONDS, color="#777777", linewidth=1, linestyle="--", label="bar")
        axes.set(xlabel="Training examples (million)", ylabel="Seconds", xlim=(0, None))
        axes.set_ylim(0, None)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        with atomic_path(target) as aside:
            figure.savefig(aside, format="svg", metadata={"Date": None})


def _bars(full: dict[str, Any]) -> str:
    seconds = max(full[name]["seconds"] for name in ("plan", "build"))
    gigabytes = max(full[name]["peak_gb"] for name in ("plan", "build"))
    words = {True: "met", False: "missed"}
    return f"time {words[seconds <= BAR_SECONDS]}, memory {words[gigabytes <= BAR_GB]}"


def _scales(scales: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| scale | training examples | plan, s | plan, GB | build, s | build, GB | written, MB |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in scales:
        plan, build = one["plan"], one["build"]
        lines.append(
            f"| {one['scale']:g} | {one['training_examples']:,} "
            f"| {plan['seconds']:.1f} | {plan['peak_gb']:.2f} "
            f"| {build['seconds']:.1f} | {build['peak_gb']:.2f} | {one['megabytes']:.0f} |"
        )
    return lines


def _rows(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| row | unique | × | published |", "| --- | ---: | ---: | ---: |"]
    for row in rows:
        cells = (f"{row['kept']:,}", str(row["repeat"]), f"{row['published']:,}")
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return lines


def _graphs(found: dict[str, Any]) -> list[str]:
    """One sentence; the two are timed in turn on the same files."""
    ours, alone = found["ours"], found["orjson"]
    return [
        f"{found['files']:,} scene graphs of the real size, {found['megabytes']:.0f} MB in all: "
        f"our reader takes {ours['seconds']:.2f} s ({ours['files_per_second']:,} files, "
        f"{ours['megabytes_per_second']:.0f} MB a second), `orjson.loads` alone "
        f"{alone['seconds']:.2f} s ({alone['files_per_second']:,} files, "
        f"{alone['megabytes_per_second']:.0f} MB a second); {found['ratio']:.2f} times as long.",
    ]
