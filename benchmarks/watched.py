"""A command watched to its end: seconds, and the most memory it and its children held together.

Linux alone: memory is resident pages of ``/proc``, added up over the processes at one moment. Pages
that several processes share count in each, so the figure is an upper bound.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY = 0.05
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of a command; memory in bytes."""

    seconds: float
    peak: int
    output: str


def watch(command: Sequence[str]) -> Watched:
    """Run a command and look at its processes until it ends.

    Raises:
        CalledProcessError: its exit status is not 0; its standard error is passed on.
    """
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(_resident, family(process.pid))))
            time.sleep(_EVERY)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        output.seek(0)
        return Watched(seconds, peak, output.read())


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for one in map(int, filter(str.isdigit, os.listdir("/proc"))):
        about = proc(one, "stat").rpartition(") ")[2].split()
        if about:
            children.setdefault(int(about[1]), []).append(one)
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found


def proc(process: int, name: str) -> str:
    """What ``/proc`` says of a process; empty where it has ended."""
    try:
        return Path(f"/proc/{process}/{name}").read_text()
    except OSError:
        return ""


def _resident(process: int) -> int:
    return int((proc(process, "statm").split() or ["0", "0"])[1]) * _PAGE
