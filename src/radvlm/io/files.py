"""Files and folders that appear whole or not at all, and paths that stay below their root.

Everything is written under a temporary name in the folder it belongs to, flushed to the disk and
renamed; a reader, or a run after a crash, never meets half a file under its final name.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PureWindowsPath
from typing import Any

from radvlm.errors import InputError, OutputError

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
_FREE_SPACE = "Free space or choose another place"
_CHOOSE = "Choose another place"


@contextmanager
def atomic_path(target: Path, *, private: bool = False) -> Iterator[Path]:
    """A path to write to; what was written becomes ``target`` when the block ends well.

    The folder is made where it is missing. ``private`` files (patient text) are mode 0600 from
    their first byte on.

    Raises:
        OutputError: the folder cannot be written, the disk is full, or ``target`` is a folder.
    """
    if target.is_dir():
        raise OutputError("is a folder, not a file", target, _CHOOSE)
    aside = target.with_name(f".{secrets.token_hex(6)}{target.suffix}")
    try:
        with _disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            mode = 0o600 if private else 0o666
            os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        with _disk_errors(target, only=_DISK):
            yield aside
        with _disk_errors(target):
            sync(aside)
            os.replace(aside, target)
            sync(target.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to write to; it becomes ``target`` when the block ends well.

    What killed runs left beside ``target`` is removed first. With ``replace``, an earlier folder
    gives way, but only where all it holds is written anew: anything else in it (notes, the
    reader's own files) is never deleted.

    Raises:
        OutputError: ``target`` is in the way, or its parent cannot be written.
    """
    _sweep(target)
    _refuse_occupied(target, replace)
    aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.partial")
    lock = -1
    try:
        with _disk_errors(target):
            aside.mkdir(parents=True)
            lock = os.open(aside, os.O_RDONLY)
        # Some network file systems lock no folder; nothing is swept there.
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        with _disk_errors(target, only=_DISK):
            yield aside
        _refuse_occupied(target, replace)
        with _disk_errors(target):
            for path in aside.rglob("*"):
                sync(path)
            sync(aside)
            _put_in_place(aside, target)
            sync(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if lock != -1:
            os.close(lock)


def _sweep(target: Path) -> None:
    """Remove what runs that were killed left of ``target``; a run that lives holds its lock.

    A folder that was being replaced and has not come back is put in its place again.
    """
    for old in target.parent.glob(f".{glob.escape(target.name)}.*.old"):
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, target)
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        try:
            lock = os.open(left, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(lock)


def check_writable(folder: Path) -> None:
    """Make sure, before long work, that ``folder`` exists and takes files.

    Raises:
        OutputError: a file is in the way, or there is no permission or space.
    """
    probe = folder / f".{secrets.token_hex(6)}.probe"
    try:
        with _disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"x")
    finally:
        if probe.exists():
            probe.unlink()


def confined(root: Path, relative: str) -> Path:
    """The file ``relative`` below ``root``, links followed.

    Raises:
        InputError: the name is absolute, holds ``..`` or NUL, or a link leads out of ``root``.
    """
    base = root.resolve()
    steps = PureWindowsPath(relative)
    bad = not relative or "\0" in relative or ".." in steps.parts or bool(steps.anchor)
    try:
        target = base if bad else (base / relative).resolve()
    except (OSError, RuntimeError, ValueError):
        bad = True
    if bad or not target.is_relative_to(base):
        raise InputError(
            f"path {relative[:80]!r} does not stay below this folder", root, "Correct the table"
        )
    return target


def write_json(path: Path, data: Any, *, private: bool = False) -> None:
    """Write plain values as indented UTF-8 JSON, atomically."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path, private=private) as aside:
        aside.write_text(f"{text}\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The plain values of a JSON file; ``InputError`` where it is missing or is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({_reason(error)})", path, "Check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputError("is not valid JSON", path, "Write it anew") from error


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes; ``InputError`` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read ({_reason(error)})", path, "Check the path") from error


def _refuse_occupied(target: Path, replace: bool) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputError("a file or link is in the way of this folder", target, _CHOOSE)
    if not replace and target.exists() and any(target.iterdir()):
        raise OutputError("exists and is not empty", target, f"{_CHOOSE} or remove it")


def _put_in_place(aside: Path, target: Path) -> None:
    """Rename, moving an earlier folder out of the way first and removing it last."""
    if not target.exists():
        os.rename(aside, target)
        return
    strangers = {p.name for p in target.iterdir()} - {p.name for p in aside.iterdir()}
    if strangers:
        raise OutputError(
            f"holds {min(strangers)!r}, which this step did not write, so it is not replaced",
            target,
            f"{_CHOOSE} or move it away",
        )
    old = target.with_name(f".{target.name}.{secrets.token_hex(6)}.old")
    os.rename(target, old)
    try:
        os.rename(aside, target)
    except OSError:
        os.rename(old, target)
        raise
    shutil.rmtree(old)


@contextmanager
def _disk_errors(where: Path, only: set[int] | None = None) -> Iterator[None]:
    """Turn errors of the disk into one line; with ``only``, others are the caller's own."""
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        remedy = _FREE_SPACE if error.errno in {errno.ENOSPC, errno.EDQUOT} else _CHOOSE
        raise OutputError(f"cannot be written ({_reason(error)})", where, remedy) from error


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def sync(path: Path) -> None:
    """Force a file or the entries of a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
