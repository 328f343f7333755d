"""What a finished run came to: ``summary.json`` in its folder, and the lines a person reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from radvlm.io.files import read_json

FILE = "summary.json"
SAMPLES = "samples.json"
"""Answers of the model on the way, see ``train.sampling``; a private file."""

_TENTH = 10


def summarize(out: Path, facts: Mapping[str, Any], access: str, sampled: bool) -> dict[str, Any]:
    """The facts of a run with its loss and the rates of its last session.

    ``loss`` is the mean over the first and the last tenth of all steps.
    """
    steps = [json.loads(line) for line in (out / "metrics.jsonl").open(encoding="utf-8")]
    some = max(1, len(steps) // _TENTH)
    last = steps[-1]
    rates = ("samples_per_second", "tokens_per_second", "mfu", "stall", "memory_bytes")
    return {
        "checkpoint": str(out / "checkpoint"),
        **facts,
        "loss": {
            "first": fmean(step["loss"] for step in steps[:some]),
            "last": fmean(step["loss"] for step in steps[-some:]),
        },
        "last_session": {key: last[key] for key in rates},
        "access": access,
        "sensitive": [SAMPLES] if sampled else [],
    }


def summary_of(out: Path) -> dict[str, Any] | None:
    """The summary in a run's folder, if the run has ended."""
    return dict(read_json(out / FILE)) if (out / FILE).exists() else None


def as_text(found: Mapping[str, Any]) -> str:
    """The lines for a person."""
    loss, rates = found["loss"], found["last_session"]
    mfu = f", MFU {rates['mfu']:.1%}" if rates["mfu"] is not None else ""
    lines = [
        f"checkpoint: {found['checkpoint']}",
        f"{found['steps']:,} steps, {found['questions']:,} questions, {found['tokens']:,} tokens "
        f"in {found['seconds'] / 60:,.1f} min on {found['processes']} × {found['device']}",
        f"loss {loss['first']:.3f} → {loss['last']:.3f}; {rates['samples_per_second']:,.1f} "
        f"questions/s, {rates['tokens_per_second']:,.0f} tokens/s{mfu}, waiting for data "
        f"{rates['stall']:.1%}, {rates['memory_bytes'] / 1e9:.1f} GB",
    ]
    if found["damaged"]:
        lines.append(f"{found['damaged']:,} sequences could not be read: damaged.jsonl names them")
    return "\n".join(lines)
