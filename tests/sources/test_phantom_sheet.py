"""The contact sheet shows everything that can be drawn and stays small."""

from __future__ import annotations

from pathlib import Path

from phantom_cases import EVERYTHING
from PIL import Image

from radvlm.sources.phantom.sheet import AMBER, contact_sheet, panels


def test_the_sheet_has_a_panel_for_each_finding_and_device(tmp_path: Path) -> None:
    assert {caption for caption, _ in panels()} >= set(EVERYTHING)
    contact_sheet(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size < 700_000
    with Image.open(tmp_path / "sheet.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 20) or []}
    assert AMBER in colours
