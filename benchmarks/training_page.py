"""``results/training.json`` → ``training.md``."""

from __future__ import annotations

from pathlib import Path

from radvlm.io.files import atomic_path, read_json


def write_page(results: Path, target: Path) -> None:
    """Write the document; its figures are those of the results file and no others."""
    found = read_json(results)
    figures = found["figures"]
    rows = [
        f"| {name} | {100 * one['real_share']:.1f} % | {one['tokens_per_second']:,.0f} "
        f"| {', '.join(f'{rate:,}' for rate in one['rates'])} |"
        for name, one in figures["layouts"].items()
    ]
    text = [
        "# Training, measured",
        "",
        "> A tiny untrained model on simulated radiographs; research use only, not for diagnosis.",
        "",
        f"Command: `{found['command']}` at commit {found['commit']}, {found['hardware']}. "
        f"One question a sequence, {figures['batch']} sequences a step; rows of up to "
        f"{figures['budget']:,} tokens where packed. The same sequences in every layout.",
        "",
        "| layout | real tokens | real tokens/s (median) | rounds |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        f"Packed against padded in the order of arrival: **{figures['gain_over_padded']} times** "
        "the real tokens a second (bar: 1.3). Packed rows hold "
        f"{100 * figures['layouts']['packed']['real_share']:.1f} % real tokens (bar: 95 %). "
        f"The meters take {100 * figures['meters_share']:.2f} % of a step (bar: 1 %). "
        f"All bars {'are' if figures['bars_met'] else 'are NOT'} met.",
        "",
        "Nothing here was measured on a GPU.",
    ]
    with atomic_path(target) as aside:
        aside.write_text("\n".join(text) + "\n", encoding="utf-8")
