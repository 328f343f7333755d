"""What killed runs leave beside a folder, and what the next run makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from radvlm.io.files import atomic_folder

WRITER = """
import sys, time
from pathlib import Path
from radvlm.io.files import atomic_folder
with atomic_folder(Path(sys.argv[1]), replace=True) as aside:
    (aside / "a").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def killed_while_writing(target: Path) -> None:
    process = start(target)
    process.send_signal(signal.SIGKILL)
    process.wait()


def start(target: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    return process


def test_what_a_killed_run_left_is_gone_after_the_next(tmp_path: Path) -> None:
    target = tmp_path / "out"
    killed_while_writing(target)
    assert not target.exists() and len(list(tmp_path.iterdir())) == 1
    with atomic_folder(target) as aside:
        (aside / "a").write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (target / "a").read_text() == "whole"


def test_a_run_that_lives_keeps_what_it_writes(tmp_path: Path) -> None:
    target = tmp_path / "out"
    process = start(target)
    try:
        with atomic_folder(target) as aside:
            (aside / "a").write_text("first")
        names = sorted(p.name for p in tmp_path.iterdir())
        assert len(names) == 2 and names[0].endswith(".partial")
    finally:
        process.kill()
        process.wait()


def test_a_folder_lost_between_two_renames_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with atomic_folder(target) as aside:
        (aside / "a").write_text("earlier")
    os.rename(target, tmp_path / ".out.0123456789ab.old")
    with atomic_folder(target, replace=True) as aside:
        assert (target / "a").read_text() == "earlier"
        (aside / "a").write_text("later")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (target / "a").read_text() == "later"
