"""``results/training.json``, ``train_plan.json`` and ``kills.json`` → ``training.md``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radvlm.io.files import atomic_path, read_json

Result = Mapping[str, Any]


def write_page(results: Path, target: Path) -> None:
    """Write the document; its figures are those of the results files and no others."""
    parts = (("training", _speed), ("train_plan", _plan), ("kills", _kills))
    text = [
        "# Training, measured",
        "",
        "> Tiny untrained models on simulated radiographs; research use only, not for diagnosis.",
        "> Nothing here was measured on a GPU.",
    ]
    for name, written in parts:
        if (results / f"{name}.json").exists():
            text += ["", *written(read_json(results / f"{name}.json"))]
    with atomic_path(target) as aside:
        aside.write_text("\n".join(text) + "\n", encoding="utf-8")


def _said(found: Result) -> str:
    return f"Command: `{found['command']}` at commit {found['commit']}, {found['hardware']}."


def _speed(found: Result) -> list[str]:
    figures = found["figures"]
    rows = [
        f"| {name} | {100 * one['real_share']:.1f} % | {one['tokens_per_second']:,.0f} "
        f"| {', '.join(f'{rate:,}' for rate in one['rates'])} |"
        for name, one in figures["layouts"].items()
    ]
    packed = figures["layouts"]["packed"]
    ratios = ", ".join(f"{ratio:.2f}" for ratio in figures["gains"])
    return [
        "## What packing brings",
        "",
        f"{_said(found)} One question a sequence, {figures['batch']} sequences a step; rows of up "
        f"to {figures['budget']:,} tokens where packed. The same sequences in every layout; rounds "
        "take turns.",
        "",
        "| layout | real tokens | real tokens/s (median) | rounds |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        f"Packed against padded in the order of arrival: **{figures['gain_over_padded']} times** "
        f"the real tokens a second, the median of the rounds' ratios {ratios} (bar: 1.3). Packed "
        f"rows hold {100 * packed['real_share']:.1f} % real tokens (bar: 95 %). The meters take "
        f"{100 * figures['meters_share']:.2f} % of a step (bar: 1 %). "
        f"All bars {'are' if figures['bars_met'] else 'are NOT'} met.",
    ]


def _plan(found: Result) -> list[str]:
    figures = found["figures"]
    rows = [_hardware(row) for row in figures["rows"]]
    load = max((row["workload"] for row in figures["rows"]), key=lambda one: one["operations"])
    paper = figures["paper"]
    return [
        "## What the paper's run needs, reckoned",
        "",
        f"{_said(found)} The 7B recipe on the paper's mixture: counted on {found['n']} sequences "
        f"of a data set built from generated metadata, for {load['sequences']:,} sequences: "
        f"{load['steps']:,} steps, {load['tokens'] / 1e9:.1f} billion tokens, "
        f"{load['operations']:.2e} operations (± {196 * load['error']:.1f} % from the sample).",
        "",
        "| hardware | GPUs | GB a GPU | fits | MFU assumed | GPU-hours | days |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: |",
        *rows,
        "",
        f"The published run took {paper['gpu_hours']:,} hours of a GH200 (128 for about 12 h), "
        f"which for these operations is {100 * paper['mfu']:.1f} % of the cards' peak; recomputed "
        "layers are not counted. A run at the MFU assumed here would be that much shorter.",
    ]


def _hardware(row: Result) -> str:
    held, of = row["footprint"]["total"] / 1e9, row["memory_gb"]
    return (
        f"| {row['hardware']} | {row['processes']} × {row['card']} | {held:.1f} of {of:g} "
        f"| {'yes' if row['fits'] else 'no'} | {100 * row['mfu']:.0f} % "
        f"| {row['gpu_hours']:,.0f} | {row['days']:,.1f} |"
    )


def _kills(found: Result) -> list[str]:
    figures = found["figures"]
    same = "are the same" if figures["identical"] else "are NOT the same"
    return [
        "## Killed again and again",
        "",
        f"{_said(found)} {figures['kills']} SIGKILLs in one run of {figures['steps']:,} steps that "
        f"saves every {figures['save_every']}; {figures['kills_while_writing']} of them while a "
        f"state was half written. The losses of all steps {same} as those of the undisturbed run. "
        f"The most that one kill cost was {figures['most_steps_lost']} steps: a state is written "
        "beside training, so a kill in its midst costs the interval and the steps since it began.",
    ]
