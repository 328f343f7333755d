"""The browsing page in a real browser: worst first, filters, keys, boxes at the right pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Browser, Locator, Page, expect
from watched_page import browser, watched

import browse_cases as cases
from fake_evaluation import TASKS
from radvlm.evaluate.browse import write_browse_page
from radvlm.inspecting.disclosure import Disclosure
from radvlm.io.draw import PREDICTED
from radvlm.registry import TABLES

__all__ = ["browser"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        for name, task in TASKS.items():
            patch.setitem(TABLES["tasks"], name, f"fake_evaluation:{type(task).__name__}")
        results = cases.make(tmp_path_factory.mktemp("browse"))
        return Path(write_browse_page(results, "trained", Disclosure())["page"])


@pytest.fixture(scope="module", params=[(1280, "light"), (390, "dark")], ids=str)
def opened(browser: Browser, written: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    with watched(browser, written.as_uri(), *request.param) as page:
        yield page


@pytest.fixture
def page(opened: Page, written: Path) -> Page:
    opened.goto(written.as_uri())
    return opened


def ids(page: Page) -> list[str]:
    return page.locator("#list article h3 code").all_inner_texts()


def example(page: Page, name: str) -> Locator:
    return page.locator("#list article").filter(has_text=name)


def test_a_figure_sorts_its_task_to_the_worst_first(page: Page) -> None:
    row = page.locator("#figures tr").filter(has_text="mean_iou")
    row.get_by_role("button", name="Worst first").click()
    assert page.locator("#task").input_value() == "fake_boxes"
    order = ids(page)
    # Then those found whole, then the answers without a figure, each in the order of the data.
    undefined = [f"fake_boxes-{k}" for k in range(0, cases.PATIENTS, 3)]
    rest = [f"fake_boxes-{k}" for k in range(4, cases.PATIENTS) if k % 3]
    assert order == [*cases.WORST_FIRST, *rest, *undefined]
    page.locator("#sort").select_option(label="mean_iou, best first")
    assert ids(page)[-6:-5] == ["fake_boxes-2"] and ids(page)[-7] == "fake_boxes-1"
    shown = example(page, "fake_boxes-1").locator(".own div").all_inner_texts()
    assert "mean_iou 0.50" in [" ".join(one.split()) for one in shown]
    assert example(page, "fake_boxes-3").locator(".own").inner_text().count("–") == 1


def test_filters_by_task_text_and_failure(page: Page) -> None:
    assert page.locator("#status").inner_text() == "28 of 28 examples, page 1 of 2"
    assert len(ids(page)) == 20
    page.locator("#show").select_option("failure")
    assert sorted(ids(page)) == sorted({name for name, _ in cases.FAILURES})
    page.locator("#task").select_option("fake_facts")
    assert ids(page) == ["fake_facts-1", "fake_facts-2", "fake_facts-3"]
    page.locator("#show").select_option("")
    page.locator("#task").select_option("")
    page.locator("#text").fill(cases.SECRET.upper())
    expect(page.locator("#list article")).to_have_count(2)
    assert ids(page) == ["fake_boxes-2", "fake_facts-3"]
    page.locator("#text").fill("no such words")
    page.get_by_text("No example is like that.").wait_for()


def test_markup_in_a_reply_is_shown_as_text(page: Page) -> None:
    page.locator("#show").select_option("failure")
    said = example(page, "fake_boxes-2").locator("dd").first
    assert said.inner_text() == cases.SCRIPT
    assert said.evaluate("one => one.children.length") == 0
    breakout = example(page, "fake_facts-3").locator(".said dd").nth(2)
    assert breakout.evaluate("one => one.textContent") == cases.BREAKOUT
    assert page.title() != "owned" and page.locator("script").count() == 2
    assert example(page, "fake_facts-1").get_by_text(cases.ERROR).count() == 2


def test_boxes_lie_at_the_right_pixels(page: Page) -> None:
    one = example(page, "fake_boxes-1")
    frame = one.locator("img").bounding_box()
    rectangle = one.locator(".box.predicted .line").bounding_box()
    assert frame and rectangle
    assert frame["height"] / frame["width"] == pytest.approx(2, abs=0.01)
    assert (rectangle["x"] - frame["x"]) / frame["width"] == pytest.approx(0.05, abs=0.01)
    assert (rectangle["y"] - frame["y"]) / frame["height"] == pytest.approx(0.20, abs=0.005)
    page.keyboard.press("l")  # without the names, in the same colour
    page.locator("#true").click()
    one.locator("img").scroll_into_view_if_needed()
    pixels = np.asarray(Image.open(io.BytesIO(one.locator(".xray").screenshot())).convert("RGB"))
    blue = (np.abs(pixels.astype(int) - ImageColor.getrgb(PREDICTED)).max(axis=2) < 12).nonzero()
    height, width = pixels.shape[:2]
    # HALF is [0.05, 0.20, 0.25, 0.35], its line two pixels wide.
    for axis, size, (low, high) in ((1, width, (0.05, 0.25)), (0, height, (0.20, 0.35))):
        assert blue[axis].min() == pytest.approx(low * size, abs=2)
        assert blue[axis].max() == pytest.approx(high * size, abs=2)


def test_boxes_can_be_switched_off(page: Page) -> None:
    one = example(page, "fake_boxes-1")
    true, predicted = one.locator(".box.true"), one.locator(".box.predicted")
    assert true.is_visible() and predicted.is_visible()
    page.keyboard.press("t")
    assert not true.is_visible() and predicted.is_visible()
    page.locator("#predicted").click()
    assert not predicted.is_visible()
    page.keyboard.press("t")
    assert true.is_visible() and page.locator("#true").is_checked()


def test_keys_go_through_examples_and_pages(page: Page) -> None:
    focused = "document.activeElement.getAttribute('aria-label')"
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(focused) == "Fake facts fake_facts-0"
    page.keyboard.press("k")
    assert page.evaluate(focused) == "Fake boxes fake_boxes-0"
    page.keyboard.press("n")
    assert page.locator("#status").inner_text().endswith("page 2 of 2") and len(ids(page)) == 8
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate(focused) == "Fake facts fake_facts-9"  # the last of the page before
    page.keyboard.press("/")
    page.keyboard.type("jn")
    assert page.locator("#text").input_value() == "jn"


def test_nothing_hangs_over_the_edge_and_every_picture_loads(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert (
        page.evaluate("""() => [...document.querySelectorAll('main *')].filter(one =>
        one.getBoundingClientRect().right > window.innerWidth + 1
        && !one.closest('.scroll, svg, .hidden')).map(one => one.outerHTML)""")
        == []
    )
    widths = page.evaluate(
        "Promise.all([...document.images].map(one => one.decode().then(() => one.naturalWidth)))"
    )
    assert widths == [100] * 18
    assert page.get_by_text("Image not shown:").count() == 2
    assert page.get_by_text("For research use only").first.is_visible()


def test_without_scripts_the_figures_stay(browser: Browser, written: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written.as_uri())
    assert page.get_by_text("scripts are off").is_visible()
    assert page.locator("#figures svg").count() == 5
    assert not page.get_by_role("button").filter(has_text="Worst first").first.is_visible()
    context.close()
