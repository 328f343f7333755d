from __future__ import annotations

from pathlib import Path

import pytest

from radvlm.errors import InputError
from radvlm.io.files import confined

HOSTILE = [
    "",
    "..",
    "../secret",
    "images/../../secret",
    "images/..",
    "/etc/passwd",
    "//host/share",
    "\\\\host\\share",
    "..\\secret",
    "images\\..\\..\\secret",
    "C:\\secret",
    "C:secret",
    "a\0.png",
    "\0",
    "out",
    "out/secret",
    "chain/secret",
    "loop",
    "loop/a",
    "\ud800",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "images").mkdir(parents=True)
    (root / "images" / "a.png").write_text("a")
    (root / "out").symlink_to(tmp_path)
    (root / "chain").symlink_to(root / "out")
    (root / "loop").symlink_to(root / "loop")
    (root / "inside").symlink_to(root / "images")
    return root


@pytest.mark.parametrize("relative", HOSTILE)
def test_nothing_leads_out_of_the_root(root: Path, relative: str) -> None:
    with pytest.raises(InputError, match="does not stay below") as caught:
        confined(root, relative)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("relative", ["images/a.png", "inside/a.png", "./images//a.png"])
def test_what_is_below_the_root_is_found(root: Path, relative: str) -> None:
    assert confined(root, relative) == (root / "images" / "a.png").resolve()


def test_names_that_only_look_odd_are_kept(root: Path) -> None:
    for name in ("..a.png", "a..png", "ä ö.png", "new/file.png", "a" * 5000):
        assert confined(root, name) == root.resolve() / name


def test_a_root_behind_a_link_is_resolved_first(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert confined(tmp_path / "link", "images/a.png").is_file()
