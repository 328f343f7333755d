"""A build killed again and again: nothing half done is ever in its place, and the end is the same.

    python -m benchmarks.build_kills [--kills 100] [--scale 0.045]

Builds some 50,000 examples of the paper's mixture once undisturbed. Then the same build is killed
by SIGKILL (the program, one of its workers, or all at once) while it starts, reads, writes, closes
its files or puts the folder in its place; first where there is no data set yet, then over a whole
one.
After every kill the folder is absent or whole. At the end all its files are the same bytes, and
nothing is left beside it. Writes ``results/build_kills.json``.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.full_size import PAPER, make_metadata, roots
from benchmarks.results_file import write_result
from benchmarks.watched import family, proc
from radvlm.io.files import read_json, sha256_of

BUILD = [sys.executable, "-c", "from radvlm.cli import main; main()", "build", str(PAPER), "--json"]
OUT = "data"
"""Relative, so that the recipe that is saved with the data set is the same in every folder."""

Files = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--scale", type=float, default=0.045)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        releases = Path(folder) / "releases"
        make_metadata(releases, arguments.scale)
        command = [*BUILD, *roots(releases), f"out={OUT}", "workers=2"]
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        start = time.perf_counter()
        _finish(command, whole)
        seconds = time.perf_counter() - start
        wanted = files_of(whole / OUT)
        proof = Proof(command, broken, wanted, seconds)
        half = arguments.kills // 2
        fresh = proof.kill_often(half, over=False)
        over = proof.kill_often(arguments.kills - half, over=True)
        _finish(command, broken)
        left = sorted({path.name for path in broken.iterdir()} - {OUT})
        same = files_of(broken / OUT) == wanted
        manifest = read_json(broken / OUT / "manifest.json")
    figures = {
        "kills": fresh + over,
        "kills_over_a_data_set": over,
        "examples": sum(row["examples"] for row in manifest["examples"]),
        "files": len(wanted),
        "half_done": proof.half_done,
        "identical": same,
        "left_behind": left,
        "seconds_undisturbed": round(seconds, 1),
    }
    text = f"python -m benchmarks.build_kills --kills {arguments.kills} --scale {arguments.scale:g}"
    print(write_result("build_kills", text, fresh + over, figures))
    sys.exit(0 if same and not left and not proof.half_done else 1)


class Proof:
    """One build under attack.

    Args:
        command: the build; it writes ``OUT`` in the folder it runs in.
        folder: where it runs.
        wanted: the files of an undisturbed run with their hashes.
        seconds: what an undisturbed run takes.
    """

    def __init__(self, command: list[str], folder: Path, wanted: Files, seconds: float) -> None:
        self.command, self.folder, self.wanted, self.seconds = command, folder, wanted, seconds
        self.half_done = 0
        self._rng = random.Random(0)

    def kill_often(self, kills: int, *, over: bool) -> int:
        """Kill so many runs, over a whole data set or where there is none; returns how many."""
        done = 0
        while done < kills:
            if not over:
                shutil.rmtree(self.folder / OUT, ignore_errors=True)
            elif not (self.folder / OUT).exists():
                _finish(self.command, self.folder)
            done += self.kill_once()
            if (self.folder / OUT).exists() and files_of(self.folder / OUT) != self.wanted:
                self.half_done += 1
        return done

    def kill_once(self) -> bool:
        """Start the build and kill it, one time in two near its end; whether it was in time."""
        self.folder.mkdir(exist_ok=True)
        process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._rng.random() < 0.5:
            _sleep(process, self._rng.uniform(0, self.seconds))
        else:
            _wait_for_end(process, self.folder)
            _sleep(process, self._rng.uniform(0, 0.1))
        if process.poll() is not None:
            return False
        self._kill(process)
        return True

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """The program, all its processes at once, or one of its workers; all are gone then."""
        how = self._rng.randrange(3)
        members = family(process.pid)
        workers = [one for one in members[1:] if "spawn_main" in proc(one, "cmdline")]
        if how == 0:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            victim = self._rng.choice(workers) if workers and how == 1 else process.pid
            os.kill(victim, signal.SIGKILL)
        process.wait()
        while any(map(_lives, members)):
            time.sleep(0.01)


def files_of(folder: Path) -> Files:
    """Every file below a folder, with its hash."""
    every = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256_of(path) for path in every}


def _wait_for_end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until the manifest is about to be written, the last of the files."""
    while process.poll() is None and not list(folder.glob(f".{OUT}.*.partial/README.md")):
        time.sleep(0.002)


def _lives(process: int) -> bool:
    """Whether it is neither gone nor waiting for its parent to take note."""
    return proc(process, "stat").rpartition(")")[2][1:2] not in ("", "Z")


def _sleep(process: subprocess.Popen[bytes], seconds: float) -> None:
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


def _finish(command: list[str], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
