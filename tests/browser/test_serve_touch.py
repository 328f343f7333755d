"""The served page's viewer under fingers: pinch, drag, draw and tap on a phone's screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect
from served_page import BRIGHT, Told, model, open_picture, served
from staged import check_box, place, read
from watched_page import browser, watched

from radvlm.records import Box

__all__ = ["browser", "model", "served"]

Point = tuple[float, float]


@pytest.fixture
def page(browser: Browser, served: str, tmp_path: Path) -> Iterator[Page]:
    with watched(browser, served, 390, "light", touch=True) as opened:
        opened.goto(served)
        open_picture(opened, tmp_path)
        yield opened


class Fingers:
    """Fingers on the stage of a page, in its pixels."""

    def __init__(self, page: Page) -> None:
        stage = page.locator("#current .stage")
        stage.scroll_into_view_if_needed()
        self._line: CDPSession = page.context.new_cdp_session(page)
        area = stage.bounding_box()
        assert area
        self._corner = area["x"], area["y"]

    def put(self, *at: Point) -> None:
        self._send("touchStart", at)

    def move(self, *to: Point) -> None:
        self._send("touchMove", to)

    def lift(self, *left: Point) -> None:
        """All but those that are named."""
        self._send("touchEnd", left)

    def drag(self, start: Point, end: Point, steps: int = 6) -> None:
        """One finger from here to there."""
        self.put(start)
        for k in range(1, steps + 1):
            x, y = (a + k / steps * (b - a) for a, b in zip(start, end, strict=True))
            self.move((x, y))
        self.lift()

    def _send(self, kind: str, points: tuple[Point, ...]) -> None:
        x, y = self._corner
        touches = [{"x": x + a, "y": y + b, "id": k} for k, (a, b) in enumerate(points)]
        self._line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def test_two_fingers_zoom_about_their_middle_and_one_moves(page: Page) -> None:
    read(page)
    fingers = Fingers(page)
    before = check_box(page)
    x, y = place(page, 0.5, 0.5)
    fingers.put((x - 40, y), (x + 40, y))
    for half in (45, 50, 55, 60):
        fingers.move((x - half, y), (x + half, y))
    fingers.lift()
    after = check_box(page)
    # The distance of the fingers grew by a half.
    zoomed = tuple(m + 1.5 * (w - m) for w, m in zip(before, (x, y, x, y), strict=True))
    assert after == pytest.approx(zoomed, abs=3)
    fingers.drag((x, y), (x + 24, y + 36))
    moved = (after[0] + 24, after[1] + 36, after[2] + 24, after[3] + 36)
    assert check_box(page) == pytest.approx(moved, abs=3)


def test_one_finger_on_the_whole_picture_scrolls_the_page(page: Page) -> None:
    read(page)
    fingers = Fingers(page)
    before, at = check_box(page), page.evaluate("scrollY")
    x, y = place(page, 0.5, 0.8)
    fingers.drag((x, y), (x, y - 150))
    page.wait_for_function("was => scrollY !== was", arg=at)
    assert check_box(page) == pytest.approx(before, abs=2)


def test_a_region_is_drawn_with_a_finger(page: Page, model: Told) -> None:
    page.locator("[data-tool=draw]").tap()
    fingers = Fingers(page)
    fingers.drag(place(page, BRIGHT.x1, BRIGHT.y1), place(page, BRIGHT.x2, BRIGHT.y2))
    page.wait_for_timeout(400)  # any sooner, the browser takes both for a double tap
    page.get_by_role("button", name="What is here?").tap()
    expect(page.locator("#messages .assistant")).to_contain_text("There is an effusion here.")
    ((asked,),) = (p for p in model.chats[-1].turns[-1].parts if not isinstance(p, str))
    assert isinstance(asked, Box)
    assert (asked.x1, asked.y1, asked.x2, asked.y2) == pytest.approx(
        (BRIGHT.x1, BRIGHT.y1, BRIGHT.x2, BRIGHT.y2), abs=0.01
    )


@pytest.mark.parametrize("earlier", [False, True])
def test_a_second_finger_ends_drawing_and_zooms(page: Page, earlier: bool) -> None:
    read(page)
    page.locator("[data-tool=draw]").tap()
    fingers = Fingers(page)
    before = check_box(page)
    x, y = place(page, 0.5, 0.5)
    if earlier:
        fingers.drag(place(page, 0.1, 0.1), place(page, 0.3, 0.4))
        page.locator("#tab-findings").click()
    fingers.put((x - 40, y))
    fingers.move((x - 50, y - 50))
    expect(page.locator("#current .drawn")).to_be_visible()
    fingers.put((x - 50, y - 50), (x + 50, y - 50))
    for half in (60, 75):
        fingers.move((x - half, y - 50), (x + half, y - 50))
    # The finger that is lifted last draws nothing either.
    fingers.lift((x - 75, y - 50))
    fingers.move((x - 90, y - 90))
    fingers.lift()
    expect(page.locator("#tab-findings")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#current .drawn")).to_be_visible(visible=earlier)
    if earlier:
        page.locator("#tab-ask").click()
        sides = [float(page.locator("#region input").nth(k).input_value()) for k in range(4)]
        assert sides == pytest.approx([10, 10, 30, 40], abs=1)
        page.locator("#drop-region").click()
    after = check_box(page)
    assert after[2] - after[0] == pytest.approx(1.5 * (before[2] - before[0]), abs=3)


def test_a_tap_on_a_sentence_shows_its_box(page: Page) -> None:
    read(page)
    lit = page.locator("#current .box.lit")
    expect(lit).to_have_count(0)
    page.locator(".sentence", has_text="right pleural effusion").first.tap()
    expect(lit).to_have_count(1)
    expect(lit).to_contain_text("Pleural Effusion")
