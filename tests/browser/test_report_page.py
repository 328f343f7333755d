"""The page in a real browser: it opens from disk, loads nothing, and fits small windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from watched_page import browser, watched

from page_cases import full_page
from radvlm.evaluate.page import write_page

SECTIONS = [
    "summary",
    "scores",
    "regions",
    "pictures",
    "conversation",
    "reports",
    "training",
    "run",
]


__all__ = ["browser"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page") / "page.html"
    write_page(full_page(), target)
    return target


@pytest.fixture(
    scope="module",
    params=[(1280, "light"), (1280, "dark"), (640, "light"), (390, "dark")],
    ids=str,
)
def page(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    with watched(browser, report.as_uri(), *request.param) as opened:
        opened.goto(report.as_uri(), wait_until="networkidle")
        yield opened


def test_every_section_shows_and_every_picture_is_loaded(page: Page) -> None:
    ids = page.eval_on_selector_all("main > section", "all => all.map(one => one.id)")
    assert ids == SECTIONS
    assert page.title().startswith("radvlm demo")
    pictures = page.eval_on_selector_all(
        "img", "all => all.map(one => [one.alt, one.naturalWidth])"
    )
    assert len(pictures) == 6
    assert all(alt and width > 0 for alt, width in pictures)


def test_nothing_hangs_over_the_edge(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    # Inside a box that scrolls or clips, being wider is no fault; anywhere else it is.
    hanging = page.evaluate("""() => [...document.querySelectorAll('main *')].filter(one =>
        one.getBoundingClientRect().right > window.innerWidth + 1
        && !one.closest('pre, .xray, .hidden, thead')).map(one => one.outerHTML.slice(0, 80))""")
    assert hanging == []


def test_boxes_lie_on_the_picture_where_they_should(page: Page) -> None:
    mark = page.locator(".talk .mark").first.bounding_box()
    image = page.locator(".talk img").bounding_box()
    assert mark and image
    assert (mark["x"] - image["x"]) / image["width"] == pytest.approx(0.4, abs=0.005)
    assert (mark["y"] - image["y"]) / image["height"] == pytest.approx(0.48, abs=0.005)
    assert mark["width"] / image["width"] == pytest.approx(0.33, abs=0.005)
    chip, box = page.locator(".talk .chip").first, page.locator(".talk .mark").first
    colour = "one => getComputedStyle(one).getPropertyValue('--c')"
    assert chip.evaluate(colour) == box.evaluate(colour)
    assert chip.get_attribute("data-mark") == box.get_attribute("data-mark") == "1"


def test_contents_lead_to_their_sections(page: Page) -> None:
    links = page.locator("nav.contents a")
    assert links.count() == len(SECTIONS)
    links.filter(has_text="Conversation").click()
    top = page.locator("#conversation").evaluate("one => one.getBoundingClientRect().top")
    assert 0 <= top < 120
    assert page.locator("nav.contents").evaluate("one => one.getBoundingClientRect().top") >= 0


def test_text_of_the_data_is_shown_as_text(page: Page) -> None:
    assert page.get_by_text("<script>document.title='owned'</script>").is_visible()
    assert page.locator("script").count() == 0


def test_colours_follow_the_scheme(page: Page) -> None:
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in paper[4:-1].split(",")) / 3
    assert brightness < 60 if dark else brightness > 220


def test_tables_keep_their_roles_where_they_are_laid_out_as_cards(page: Page) -> None:
    table = page.get_by_role("table").first
    assert table.get_by_role("rowheader").count() == 2
    assert table.get_by_role("cell").count() == 8
