from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from radvlm.errors import InputError, OutputError
from radvlm.io.files import (
    atomic_folder,
    atomic_path,
    check_writable,
    read_json,
    sha256_of,
    write_json,
)


def test_a_file_appears_only_when_its_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.txt"
    with atomic_path(target) as aside:
        aside.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    with pytest.raises(RuntimeError), atomic_path(target) as aside:
        aside.write_text("ha")
        raise RuntimeError
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["out.txt"]


def test_private_files_are_closed_to_others_from_the_first_byte(tmp_path: Path) -> None:
    target = tmp_path / "texts.jsonl"
    with atomic_path(target, private=True) as aside:
        aside.write_text("a report")
        assert aside.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_one_line_and_other_errors_pass(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    full = pytest.raises(OutputError, match=r"out\.txt: cannot be written .*Free space")
    with full, atomic_path(target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(FileNotFoundError), atomic_path(target):
        (tmp_path / "no such input").read_text()
    assert os.listdir(tmp_path) == []


def test_a_folder_appears_whole_and_replaces_only_what_it_writes(tmp_path: Path) -> None:
    target = tmp_path / "data"
    for number in range(2):
        with atomic_folder(target, replace=True) as aside:
            (aside / "a.txt").write_text(str(number))
    assert (target / "a.txt").read_text() == "1"

    (target / "my notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="my notes"), atomic_folder(target, replace=True) as aside:
        (aside / "a.txt").write_text("2")
    assert (target / "a.txt").read_text() == "1"
    assert (target / "my notes.txt").read_text() == "mine"
    assert os.listdir(tmp_path) == ["data"]


def test_a_folder_in_use_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    target = tmp_path / "data"
    target.mkdir()
    with atomic_folder(target) as aside:
        (aside / "a.txt").write_text("into an empty folder")
    with pytest.raises(OutputError, match="not empty"), atomic_folder(target):
        raise AssertionError("must be refused before any work")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="in the way"), atomic_folder(tmp_path / "file"):
        raise AssertionError("must be refused before any work")


def test_writable_is_tried_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_writable(tmp_path / "runs" / "demo")
    assert list((tmp_path / "runs" / "demo").iterdir()) == []
    (tmp_path / "file").write_text("")
    for bad in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="cannot be written"):
            check_writable(bad)

    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_bytes", read_only)
    with pytest.raises(OutputError, match="read-only"):
        check_writable(tmp_path)


def test_json_and_digests(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"π": [1, None, "é"]})
    assert read_json(path) == {"π": [1, None, "é"]}
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text("{" * 100_000)
    with pytest.raises(InputError, match="not valid JSON"):
        read_json(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_json(tmp_path / "missing.json")
