"""The served page's viewer in a real browser: what is uploaded is shown, boxes lie where they are.

The picture is bright in one rectangle and the model's box frames it, so that the screen itself says
where the box belongs.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from pydicom.data import get_testdata_file
from served_page import BRIGHT, model, open_picture, png_file, served, shown
from staged import Extent, check_box, extent, like, place, read, soon, stage
from watched_page import browser, watched

__all__ = ["browser", "model", "served"]


ON_A_PHONE_TOO = pytest.mark.parametrize(
    "page", [(1280, "light"), (390, "dark")], ids=str, indirect=True
)


@pytest.fixture
def page(browser: Browser, served: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    with watched(browser, served, *getattr(request, "param", (1280, "light"))) as opened:
        opened.goto(served)
        yield opened


@pytest.fixture
def opened(page: Page, tmp_path: Path) -> Page:
    open_picture(page, tmp_path)
    return page


@ON_A_PHONE_TOO
def test_boxes_stay_on_their_pixels_while_zooming_and_panning(opened: Page) -> None:
    read(opened)
    opened.locator("#current .stage").scroll_into_view_if_needed()
    at = check_box(opened)
    area = opened.locator("#current .stage").bounding_box()
    assert area
    where = place(opened, BRIGHT.x1, BRIGHT.y1) + place(opened, BRIGHT.x2, BRIGHT.y2)
    assert at == pytest.approx(where, abs=2)
    opened.keyboard.press("+")
    opened.keyboard.press("+")
    middle = (area["width"] / 2, area["height"] / 2) * 2
    zoomed = tuple(m + 1.25**2 * (w - m) for w, m in zip(where, middle, strict=True))
    assert check_box(opened) == pytest.approx(zoomed, abs=2)
    opened.keyboard.press("ArrowLeft")  # the view goes left, the image right
    moved = (zoomed[0] + 60, zoomed[1], zoomed[2] + 60, zoomed[3])
    assert check_box(opened) == pytest.approx(moved, abs=2)
    opened.keyboard.press("0")
    assert check_box(opened) == pytest.approx(where, abs=2)


@ON_A_PHONE_TOO
def test_the_wheel_zooms_where_it_points_and_drags_pan(opened: Page) -> None:
    read(opened)
    area = opened.locator("#current .stage").bounding_box()
    assert area
    opened.locator("#current .stage").scroll_into_view_if_needed()
    before = check_box(opened)
    at = opened.locator("#current .stage").bounding_box()
    assert at
    corner = at["x"] + before[0], at["y"] + before[1]
    opened.mouse.move(*corner)
    opened.keyboard.down("Control")  # where the page scrolls, the wheel zooms with Ctrl
    opened.mouse.wheel(0, -60)
    opened.keyboard.up("Control")
    after = check_box(opened)
    factor = np.exp(60 / 300)
    assert after[:2] == pytest.approx(before[:2], abs=2)
    assert after[2] - after[0] == pytest.approx(factor * (before[2] - before[0]), abs=2)
    opened.mouse.move(*corner)
    opened.mouse.down()
    opened.mouse.move(corner[0] + 20, corner[1] + 30, steps=4)
    opened.mouse.up()
    opened.mouse.move(1, 1)
    dragged = check_box(opened)
    assert dragged[:2] == pytest.approx((after[0] + 20, after[1] + 30), abs=2)


def test_window_level_and_inversion_are_what_the_numbers_say(opened: Page) -> None:
    def greys() -> list[int]:
        picture = stage(opened)[:, :, 0]
        height, width = picture.shape
        return [int(picture[5, width // 2]), int(picture[int(0.42 * height), int(0.45 * width)])]

    assert greys() == [40, 200]
    opened.locator("#width").fill("200")
    opened.locator("#centre").fill("128")
    # (grey − (128 − 200 / 2)) / 200 × 255
    assert greys() == pytest.approx([15.3, 219.3], abs=1)
    assert opened.locator("#width-value").inner_text() == "200"
    opened.locator("#reset").click()
    opened.locator("#invert").click()
    picture = stage(opened)[:, :, 0]
    assert {55, 215} <= set(np.unique(picture).tolist())
    assert opened.locator("#invert").get_attribute("aria-pressed") == "true"


def test_stored_units_are_windowed_by_the_server(page: Page, tmp_path: Path) -> None:
    asked: list[str] = []
    rendered = io.BytesIO()
    Image.new("L", (512, 512), 77).save(rendered, "PNG")
    window = {"center": 1000, "width": 2000, "low": 0, "high": 4095}

    def told(route: Route) -> None:
        about = {"id": "example-1", "width": 512, "height": 512, "projection": "PA"}
        route.fulfill(body=json.dumps({**about, "window": window}), content_type="application/json")

    def png(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body=rendered.getvalue(), content_type="image/png")

    page.route("**/v1/images", told)
    page.route("**/v1/images/*center=*", png)
    page.set_input_files("#file", png_file(tmp_path))
    expect(page.locator("#centre-value")).to_have_text("1000")
    assert page.locator("#centre").get_attribute("max") == "4095"
    with page.expect_response(lambda response: "center=" in response.url):
        page.locator("#centre").fill("1500")
    assert asked == [f"{page.url}v1/images/example-1.png?center=1500&width=2000"]

    def middle() -> object:
        picture = stage(page)
        return picture[picture.shape[0] // 2, picture.shape[1] // 2].tolist()

    # The server's picture as it is.
    assert soon(page, lambda: middle() == [77, 77, 77])


def test_a_dicom_file_is_shown(page: Page) -> None:
    page.set_input_files("#file", str(get_testdata_file("CT_small.dcm")))
    expect(page.locator("#current figcaption")).to_contain_text("128 × 128")
    assert np.ptp(stage(page)[:, :, 0].astype(int)) > 100


def test_what_is_shown_no_more_is_deleted_on_the_server(opened: Page, tmp_path: Path) -> None:
    file = png_file(tmp_path)

    def deleted(act: Callable[[], None]) -> None:
        with opened.expect_response(lambda response: response.request.method == "DELETE") as told:
            act()
        assert told.value.status == 204
        assert opened.request.get(f"{told.value.url}.png").status == 404

    deleted(lambda: opened.set_input_files("#file", file))
    for _ in range(2):
        opened.set_input_files("#prior-file", file)
        expect(opened.locator("#prior figcaption")).to_contain_text("800 × 1000")
        deleted(lambda: opened.locator("#close-prior").click())
    read(opened)  # the one in sight is still there


@ON_A_PHONE_TOO
def test_a_prior_stands_beside_and_is_not_sent(opened: Page, tmp_path: Path) -> None:
    opened.set_input_files("#prior-file", png_file(tmp_path))
    expect(opened.locator("#prior figcaption")).to_contain_text("The model does not see it")
    widths = [opened.locator(f"#{one} .stage").bounding_box() for one in ("current", "prior")]
    assert (
        widths[0] and widths[1] and widths[0]["width"] == pytest.approx(widths[1]["width"], abs=2)
    )
    opened.locator("#current .stage").focus()

    def bright(one: str) -> Extent:
        return extent(like(shown(opened.locator(f"#{one} .stage").screenshot()), 200))

    before = bright("current")
    opened.keyboard.press("+")
    assert soon(opened, lambda: bright("current") != pytest.approx(before, abs=2))
    # With the same zoom both show the same rectangle at the same place.
    assert soon(opened, lambda: bright("current") == pytest.approx(bright("prior"), abs=2))
    opened.locator("#close-prior").click()
    expect(opened.locator("#prior")).to_be_hidden()
