"""What a stage of the served page shows, read off the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from served_page import HEIGHT, WIDTH, shown

ORANGE = (0xE6, 0x9F, 0x00)
"""The second finding's colour: the effusion's."""

Extent = tuple[float, float, float, float]


def stage(page: Page) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    page.evaluate("new Promise(requestAnimationFrame)")
    return shown(page.locator("#current .stage").screenshot())


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the fitted picture is on its stage; ``x`` and ``y`` from 0 to 1."""
    area = page.locator("#current .stage").bounding_box()
    assert area
    scale = min(area["width"] / WIDTH, area["height"] / HEIGHT)
    left = (area["width"] - scale * WIDTH) / 2
    top = (area["height"] - scale * HEIGHT) / 2
    return left + x * WIDTH * scale, top + y * HEIGHT * scale


def soon(page: Page, true: Callable[[], bool]) -> bool:
    """Whether it becomes true before a busy machine's patience ends."""
    for _ in range(100):
        if true():
            return True
        page.wait_for_timeout(100)
    return False


def extent(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Extent:
    """First and last row and column of what is true: left, top, right, bottom."""
    rows, columns = mask.nonzero()
    return (
        float(columns.min()),
        float(rows.min()),
        float(columns.max() + 1),
        float(rows.max() + 1),
    )


def like(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], colour: Any) -> Any:
    return np.abs(picture.astype(int) - np.array(colour)).max(axis=2) < 12


def check_box(page: Page) -> Extent:
    """The box's line runs along the edges of the bright rectangle; where that is."""
    page.locator("#current .stage").focus()
    page.keyboard.press("h")
    bright = extent(like(stage(page), 200))
    page.keyboard.press("h")
    picture = stage(page)
    line = like(picture, ORANGE)
    # The name over the box has its colour too, but only the lines are long.
    across, down = line.sum(axis=1), line.sum(axis=0)
    rows = (across > 0.8 * (bright[2] - bright[0])).nonzero()[0]
    columns = (down > 0.8 * (bright[3] - bright[1])).nonzero()[0]
    drawn = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    # A line of two pixels lies half outside.
    assert drawn == pytest.approx(
        (bright[0] - 1, bright[1] - 1, bright[2] + 1, bright[3] + 1), abs=2
    )
    return bright


def read(page: Page) -> None:
    page.locator("#read").click()
    expect(page.locator("#finding-rows tr")).to_have_count(4)
    page.mouse.move(1, 1)
