"""The one form of a results file: command, commit, hardware, versions, n, figures."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy
import torch
import transformers

from radvlm import __version__
from radvlm.io.files import write_json
from radvlm.io.provenance import commit, hardware
from radvlm.metrics.resampling import wilson

RESULTS = Path(__file__).parent / "results"


def write_result(name: str, command: str, n: int, figures: dict[str, Any]) -> Path:
    """Write ``results/<name>.json`` and return its path."""
    path = RESULTS / f"{name}.json"
    head = {
        "command": command,
        "commit": commit(),
        "hardware": hardware(),
        "versions": {
            "radvlm": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "numpy": numpy.__version__,
        },
        "n": n,
    }
    write_json(path, {**head, "figures": figures})
    return path


def cell(figure: dict[str, Any]) -> str:
    """A figure of a results file and its interval, with two decimals."""
    if figure["value"] is None:
        return "undefined"
    bounds = figure["interval"]
    interval = f" [{bounds[0]:.2f}, {bounds[1]:.2f}]" if bounds else ""
    return f"{figure['value']:.2f}{interval}"


def share(count: int, of: int) -> dict[str, Any]:
    """A share with Wilson's interval."""
    bounds = [round(end, 4) for end in wilson(count, of)]
    return {"count": count, "of": of, "value": round(count / of, 4), "interval": bounds}
