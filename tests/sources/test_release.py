from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from radvlm.boxes import from_pixels
from radvlm.errors import InputError, RecordError, TableError
from radvlm.protocols import Slice
from radvlm.records import Box
from radvlm.sources.release import (
    Below,
    find_table,
    need_table,
    of_slice,
    read_table,
    rows,
    status_of,
)


def test_a_table_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = (
        '\ufeffid,count,said\r\n007,1.0,"two\nlines, and ""quotes"""\r\n12345678901234567890,,é\r\n'
    )
    path.write_bytes(text.encode())
    found = list(rows(read_table(path, ["id", "said"], ["count", "elsewhere"])))
    assert found == [
        {"id": "007", "said": 'two\nlines, and "quotes"', "count": "1.0", "elsewhere": ""},
        {"id": "12345678901234567890", "said": "é", "count": "", "elsewhere": ""},
    ]


def test_gz_is_found_and_read_like_the_plain_file(tmp_path: Path) -> None:
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"x\n1\n"))
    assert find_table(tmp_path, "a.csv") is None
    found = need_table(tmp_path, "a.csv", "b.csv")
    assert list(rows(read_table(found, ["x"]))) == [{"x": "1"}]
    with pytest.raises(TableError, match=r"no a\.csv"):
        need_table(tmp_path, "a.csv")


@pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b"other\n1\n", b"a\n\xff\xfe\n", b"\x00"])
def test_a_damaged_table_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_table(tmp_path / "a.csv", ["a"])
    assert "a.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_table_without_rows_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    assert list(rows(read_table(tmp_path / "a.csv", ["a"], ["c"]))) == []


def test_rows_are_sorted_and_cut_by_a_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("p,n\n" + "".join(f"p{k % 7},{k:04d}\n" for k in range(9999, -1, -1)))
    table = read_table(path, ["p", "n"])
    keys = [(row["p"], row["n"]) for row in rows(table, "p", "n")]
    assert keys == sorted(keys) and len(keys) == 10_000
    parts = [of_slice(table, "p", Slice(frozenset({k}), 3)) for k in range(3)]
    seen = [{row["p"] for row in rows(part)} for part in parts]
    assert sum(len(part) for part in parts) == 10_000 and sum(map(len, seen)) == 7


def test_label_cells() -> None:
    assert [status_of(c) for c in ("1.0", "0", "-1.0", " ")] == [
        "present",
        "absent",
        "uncertain",
        None,
    ]
    with pytest.raises(RecordError):
        status_of("yes")


@pytest.mark.parametrize(
    "name", ["../out.png", "in/../../out.png", "/etc/passwd", "link.png", "far/out.png", "a\0b", ""]
)
def test_nothing_outside_the_root_is_a_file(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (tmp_path / "out.png").write_bytes(b"secret")
    (root / "link.png").symlink_to(tmp_path / "out.png")
    (root / "far").symlink_to(tmp_path)
    with pytest.raises(InputError):
        Below(root).file(name)


def test_a_root_that_is_a_link_and_links_inside_it_are_fine(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "in" / "a.png").write_bytes(b"x")
    (root / "b.png").symlink_to(root / "in" / "a.png")
    (root / "also").symlink_to(root / "in")
    (tmp_path / "entry").symlink_to(root)
    below = Below(tmp_path / "entry")
    for name in ("in/a.png", "b.png", "also/a.png"):
        assert Path(below.file(name)).read_bytes() == b"x"
    for name in ("in", "in/c.png"):
        with pytest.raises(InputError, match="missing"):
            below.file(name)


def test_pixel_corners_are_clipped_and_degenerate_ones_refused() -> None:
    assert from_pixels((10, 20, 30, 40), 100, 200) == Box(0.1, 0.1, 0.3, 0.2)
    assert from_pixels((-5, 0, 120, 50), 100, 100) == Box(0, 0, 1, 0.5)
    for corners in [(5, 5, 5, 9), (9, 5, 5, 9), (100, 0, 120, 9), (-9, 0, 0, 9)]:
        with pytest.raises(RecordError):
            from_pixels(corners, 100, 100)
