"""What a results file says of where it comes from: commit, hardware, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

_MEASURED = ("benchmarks/results", "benchmarks/*.md")


def commit() -> str:
    """The commit of the checkout this package runs from, ``+changes`` where it was edited.

    What measurements themselves write (``_MEASURED``) is no edit. ``not a checkout`` where it was
    installed from a wheel or git is absent.
    """
    try:
        name = _git("describe", "--always", "--exclude=*")
        left_out = (f":(top,exclude){path}" for path in _MEASURED)
        edited = _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", *left_out)
    except (OSError, subprocess.SubprocessError):
        return "not a checkout"
    return f"{name}+changes" if edited else name


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    return done.stdout.strip()


def hardware() -> str:
    """Processor architecture and number of cores; no host name."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
