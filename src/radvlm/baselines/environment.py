"""``radvlm baseline setup``: a baseline's own environment, from a pinned lock.

A folder with ``venv/`` (the lock's packages), ``code/`` (the authors' repository at a commit, where
the model needs it), and ``environment.json``, written last: a folder without it is not used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from radvlm.baselines.native import BaselineCard
from radvlm.baselines.table import BASELINES, baseline
from radvlm.errors import IncompleteError, InputError
from radvlm.io.files import read_json, write_json

MADE = "environment.json"
PLACE = "RADVLM_BASELINES"

Step = Callable[[list[str]], None]
"""Runs a command; raises ``IncompleteError`` where it fails."""


def place_of(name: str) -> Path:
    """Where the environment of a baseline lies: below ``$RADVLM_BASELINES`` or the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get(PLACE, cache / "radvlm" / "baselines")) / name


def lock_of(name: str) -> str:
    """The packages of a baseline with their versions, one a line."""
    known = baseline(name).card
    return (files("radvlm.baselines") / "locks" / f"{known.name}.txt").read_text(encoding="utf-8")


def setup(name: str, folder: Path | None = None, python: str = sys.executable,
          step: Step | None = None) -> Path:  # fmt: skip
    """Make the environment, or find it made from the same lock.

    Args:
        name: of the baseline.
        folder: where to; ``place_of`` unless given.
        python: the interpreter it is made with; the locks were resolved for 3.11.
        step: runs each command.

    Raises:
        IncompleteError: a command failed; the same call goes on.
    """
    card, target, run = baseline(name).card, folder or place_of(name), step or _run
    lock, digest = lock_of(name), digest_of(name)
    if (target / MADE).exists() and read_json(target / MADE)["lock"] == digest:
        return target
    (target / MADE).unlink(missing_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    (target / "lock.txt").write_text(lock, encoding="utf-8")
    run([python, "-m", "venv", str(target / "venv")])
    pip = [str(target / "venv/bin/python"), "-m", "pip", "install", "--no-deps"]
    run([*pip, "-r", str(target / "lock.txt")])
    if card.code:
        url, _, commit = card.code.partition("@")
        aside = target / "code.part"
        shutil.rmtree(aside, ignore_errors=True)
        run(["git", "clone", "--no-checkout", url, str(aside)])
        run(["git", "-C", str(aside), "checkout", "--detach", commit])
        shutil.rmtree(target / "code", ignore_errors=True)
        aside.rename(target / "code")
    write_json(target / MADE, {"baseline": name, "lock": digest, "code": card.code})
    return target


def digest_of(name: str) -> str:
    """What tells an environment from one of other packages or code."""
    return sha256(f"{lock_of(name)}\n{baseline(name).card.code}".encode()).hexdigest()[:16]


def made(name: str, folder: Path | None = None) -> Path:
    """The environment of a baseline.

    Raises:
        InputError: it is not there, or was made from another lock.
    """
    target = folder or place_of(name)
    if not (target / MADE).exists() or read_json(target / MADE)["lock"] != digest_of(name):
        raise InputError(
            f"baseline {name} has no environment made from its lock",
            target,
            f"radvlm baseline setup {name}",
        )
    return target


def unmade() -> list[BaselineCard]:
    """The cards of the baselines that have no environment in the usual place."""
    cards = [baseline(name).card for name in BASELINES]
    return [card for card in cards if not (place_of(card.name) / MADE).exists()]


def _run(command: list[str]) -> None:
    if subprocess.run(command, check=False).returncode:
        raise IncompleteError("could not be set up", command[0], f"Tried: {' '.join(command)}")
