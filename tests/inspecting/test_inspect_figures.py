from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter

import numpy as np
import pytest

from radvlm.inspecting.disclosure import Disclosure
from radvlm.inspecting.figures import Binned, bars, centre_map, whole_numbers

SVG = "{http://www.w3.org/2000/svg}"
SAFE, OPEN = Disclosure(share_safe=True), Disclosure()
TICKS = ((0.0, "0"), (2.0, "2"))


def boxes_of(svg: str, colour: str) -> list[tuple[float, float, float, float, str]]:
    """Left, top, width, height and style of every drawn rectangle whose style has that colour."""
    found = []
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        style, numbers = path.get("style", ""), re.findall(r"-?[\d.]+", path.get("d", ""))
        if colour in style and len(numbers) in {8, 10}:
            xs, ys = [float(n) for n in numbers[::2]], [float(n) for n in numbers[1::2]]
            found.append((min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys), style))
    return sorted(found)


def test_bars_are_as_high_as_their_counts() -> None:
    drawn = boxes_of(bars(Binned((10, 20, 5), TICKS), "words", OPEN, "a"), "--accent")
    heights = [height for _, _, _, height, _ in drawn]
    assert [h / heights[0] for h in heights] == pytest.approx([1, 2, 0.5], rel=1e-4)


def test_hidden_bars_are_hollow_and_all_alike() -> None:
    drawn = boxes_of(bars(Binned((40, 1, 9, 0), TICKS), "words", SAFE, "a"), "--accent")
    full, one, nine = (box for box in drawn if box[3])
    assert "fill: none" in one[4] and "fill: none" in nine[4] and "fill: none" not in full[4]
    assert one[3] == pytest.approx(nine[3]) == pytest.approx(full[3] / 8, rel=1e-4)


def test_the_centre_map_has_its_cell_where_the_boxes_are() -> None:
    counts = np.zeros((16, 16), np.int64)
    counts[12, 4] = 7
    svg = centre_map(counts, OPEN, "m")
    ((left, top, width, height, _),) = boxes_of(svg, "--accent")
    # The frame is drawn as four lines; its extent is that of all of them.
    lines = [
        [float(n) for n in re.findall(r"-?[\d.]+", path.get("d", ""))]
        for path in ElementTree.fromstring(svg).iter(f"{SVG}path")
        if "--line" in path.get("style", "")
    ]
    xs, ys = [n for line in lines for n in line[::2]], [n for line in lines for n in line[1::2]]
    assert (left - min(xs)) / (max(xs) - min(xs)) == pytest.approx(4 / 16, abs=0.005)
    assert (top - min(ys)) / (max(ys) - min(ys)) == pytest.approx(12 / 16, abs=0.005)
    assert width == pytest.approx(height, rel=1e-3)


def test_hidden_cells_are_all_equally_faint() -> None:
    counts = np.zeros((16, 16), np.int64)
    counts[0, 0], counts[1, 1], counts[2, 2] = 1, 9, 500

    def opacities(disclosure: Disclosure) -> list[str]:
        drawn = boxes_of(centre_map(counts, disclosure, "m"), "--accent")
        return re.findall(r"opacity: ([\d.]+)", " ".join(box[4] for box in drawn))

    safe, shown = opacities(SAFE), opacities(OPEN)
    assert safe[0] == safe[1] and shown[0] != shown[1]


def test_whole_numbers_are_all_in_a_bin_and_the_last_says_it_holds_more() -> None:
    counts = Counter({0: 2, 4: 5, 9: 1, 300: 1})
    binned = whole_numbers(counts, 9)
    assert binned.counts == (2, 0, 0, 0, 5, 0, 0, 0, 0, 2)
    assert binned.ticks[-1] == (9.45, "9+")
    assert whole_numbers(Counter({4: 5, 9: 1}), 9).ticks[-1][1] == "8"
    wide = whole_numbers(Counter(dict.fromkeys(range(100), 1)), 98)
    assert wide.counts == (5,) * 20
    assert [label for _, label in wide.ticks] == ["0", "25", "50", "75"]


def test_two_figures_share_no_id_and_each_refers_to_its_own() -> None:
    first, second = (bars(Binned((1, 2), TICKS), "words", OPEN, name) for name in ("one", "two"))
    ids = [set(re.findall(r'\sid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0] and not ids[0] & ids[1]
    for svg, own in zip((first, second), ids, strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg)) <= own
        assert "<style" not in svg and "<metadata" not in svg
        assert not re.search(r"#0[1-4]0[1-4]0[1-4]\b", svg)


def test_the_same_counts_give_the_same_figure() -> None:
    counts = np.arange(256).reshape(16, 16)
    assert centre_map(counts, OPEN, "m") == centre_map(counts, OPEN, "m")
