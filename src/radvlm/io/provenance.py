"""What a results file says of where it comes from: commit, hardware, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def commit() -> str:
    """The commit of the checkout this package runs from, ``+changes`` where it was edited.

    ``not a checkout`` where it was installed from a wheel or git is absent.
    """
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "not a checkout"
    return described.stdout.strip()


def hardware() -> str:
    """Processor architecture and number of cores; no host name."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
