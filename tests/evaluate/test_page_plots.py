from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from page_cases import loss
from radvlm.evaluate.plots import loss_curve, smooth

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [
        "".join(node.itertext()).strip() for node in ElementTree.fromstring(svg).iter(f"{SVG}text")
    ]


def test_the_curve_is_one_svg_with_labelled_axes() -> None:
    said = texts(loss_curve(loss()))
    assert {"Loss (nats a token)", "Rate / peak", "Training samples seen", "10,000"} <= set(said)


def test_without_a_rate_there_is_one_axis() -> None:
    said = texts(loss_curve([replace(point, rate=None) for point in loss()]))
    assert "Loss (nats a token)" in said
    assert "Rate / peak" not in said


def test_colours_are_those_of_the_page_and_no_rule_leaves_the_picture() -> None:
    svg = str(loss_curve(loss()))
    assert "var(--accent)" in svg
    assert not re.search(r"#0[1-4]0[1-4]0[1-4]\b", svg)
    assert "<style" not in svg
    assert "<metadata" not in svg


def test_the_same_points_give_the_same_picture() -> None:
    assert loss_curve(loss()) == loss_curve(loss())


@pytest.mark.parametrize("count", [1, 2, 39])
def test_few_points_are_drawn_as_they_are(count: int) -> None:
    svg = loss_curve(loss()[:count])
    assert "var(--accent-soft)" not in svg
    assert "var(--accent)" in svg


def test_smoothing_is_the_mean_of_the_neighbours_there_are() -> None:
    assert smooth([3.0, 6.0, 9.0, 0.0], 3) == pytest.approx([4.5, 6.0, 5.0, 4.5])


def test_smoothing_leaves_a_straight_line_straight_away_from_the_ends() -> None:
    line = np.arange(30.0)
    assert smooth(list(line), 9)[4:-4] == pytest.approx(line[4:-4])
