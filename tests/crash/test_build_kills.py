"""A build killed three times by SIGKILL; ``benchmarks.build_kills`` does it a hundred times."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.build_kills import BUILD, OUT, Proof, files_of
from benchmarks.full_size import make_metadata, roots

SECONDS = 4.0
"""About what the undisturbed build takes; kills that come too late are not counted."""


def test_a_killed_build_ends_in_the_same_bytes_and_is_never_half_there(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    make_metadata(releases, 0.003)
    command = [*BUILD, *roots(releases), f"out={OUT}", "workers=2"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    subprocess.run(command, cwd=whole, check=True, stdout=subprocess.DEVNULL)
    wanted = files_of(whole / OUT)
    proof = Proof(command, broken, wanted, SECONDS)
    assert proof.kill_often(2, over=False) + proof.kill_often(1, over=True) == 3
    assert not proof.half_done
    subprocess.run(command, cwd=broken, check=True, stdout=subprocess.DEVNULL)
    assert files_of(broken / OUT) == wanted
    assert [path.name for path in broken.iterdir()] == [OUT]
