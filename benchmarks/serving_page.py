"""``results/serving.json`` → ``benchmarks/serving.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results_file import cell
from radvlm.io.files import atomic_path, read_json

PAGE = Path(__file__).parent / "serving.md"


def write_page(results: Path) -> None:
    """The page, from the results alone."""
    with atomic_path(PAGE) as aside:
        aside.write_text(page(read_json(results)), encoding="utf-8")


def page(found: dict[str, Any]) -> str:
    """Markdown: how it was measured, each figure beside its bar, and whether it holds."""
    figures = found["figures"]
    steady, crowd, bad = figures["steady"], figures["crowd"], figures["malformed"]
    grown, every = steady["memory_slope_mb_per_minute"], steady["memory_slope_of_every_second"]
    rows = [
        ("requests a second", steady["per_second"], "≥", 10),
        ("99 % answered within, s", steady["p99"], "≤", 3),
        ("errors", steady["errors"], "≤", 0),
        ("growth of memory, MB a minute", grown["value"], "≤", 1),
        ("turned away, median s", crowd["median"], "≤", 0.2),
        ("turned away, 99 % within, s", crowd["p99"], "≤", 1),
        ("answers again after, s", crowd["recovery"], "≤", 5),
        ("processes dead of malformed uploads", bad["deaths"], "≤", 0),
        ("first page after `radvlm serve`, s", figures["start"]["seconds"], "≤", 10),
    ]
    lines = [
        "# Serving",
        "",
        f"`{found['command']}`, commit {found['commit']}, {found['hardware']}. A machine shared "
        f"with other work: load average {steady['load_average_before']:.2f} before the steady "
        "load began.",
        f"A stub that takes {figures['latency']:.2f} s a batch stands in the model's place, so "
        "this is everything around a model, never a model's speed. Server and clients are "
        "processes of their own on one machine; images are PNGs of 1 MB.",
        "",
        "| what | measured | wanted | holds |",
        "| --- | ---: | ---: | --- |",
        *(
            f"| {what} | {value} | {sign} {bar} | {'yes' if holds(value, sign, bar) else 'no'} |"
            for what, value, sign, bar in rows
        ),
        "",
        f"Steady: {steady['clients']} clients for {steady['seconds']:.0f} s, each asking again as "
        f"soon as it is answered, {steady['requests']} requests, median {steady['median']:.3f} s; "
        f"the server and its decoders hold {steady['memory_mb']:.1f} MB, the full store of uploads "
        "included. Growth is that of the least of every ten seconds, "
        f"{cell(grown)}, so that bodies under way do not blur it; of every second it is "
        f"{cell(every)} (least squares, 95 % intervals).",
        "",
        f"Too much: {crowd['clients']} clients; {crowd['answered']} requests were answered, "
        f"{crowd['refused']} turned away with 429 as timed in the server (`/metrics`, from the "
        f"first byte to the answer), {crowd['other']} had another end.",
        "",
        f"Malformed: {bad['uploads']} damaged uploads, answers by status: "
        + ", ".join(f"{count} × {status}" for status, count in sorted(bad["statuses"].items()))
        + ".",
        "",
    ]
    return "\n".join(lines)


def holds(value: float | None, sign: str, bar: float) -> bool:
    """Whether a figure is within its bar; one that is not known is not."""
    if value is None:
        return False
    return value >= bar if sign == "≥" else value <= bar
