"""The page of a data set in a real browser: nothing hangs over, nothing is loaded or run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from watched_page import browser, watched

import made_data
from radvlm.inspecting.data_page import write_data_page

SECTIONS = ["summary", "examples", "plan", "pictures", "labels", "boxes", "lengths", "studies",
            "left-out", "build"]  # fmt: skip


__all__ = ["browser"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_page(made_data.make(tmp_path_factory.mktemp("made")))


@pytest.fixture(scope="module", params=[(1280, "light"), (390, "dark")], ids=str)
def page(browser: Browser, written: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    with watched(browser, written.as_uri(), *request.param) as opened:
        opened.goto(written.as_uri(), wait_until="networkidle")
        yield opened


def test_every_section_shows_and_every_picture_is_loaded(page: Page) -> None:
    ids = page.eval_on_selector_all("main > section", "all => all.map(one => one.id)")
    assert ids == SECTIONS
    assert page.title().startswith("Data set made <script>")
    widths = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
    assert len(widths) == 6 and all(widths)


def test_nothing_hangs_over_the_edge(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    hanging = page.evaluate("""() => [...document.querySelectorAll('main *')].filter(one =>
        one.getBoundingClientRect().right > window.innerWidth + 1
        && !one.closest('.scroll, .xray, .hidden, thead, svg')).map(one => one.outerHTML)""")
    assert hanging == []


def test_colours_of_the_figures_follow_the_scheme(page: Page) -> None:
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    bar = page.locator("#lengths svg path[style*='--accent']").first
    colour = bar.evaluate("one => getComputedStyle(one).fill")
    brightness = sum(int(part) for part in colour[4:-1].split(",")) / 3
    assert brightness > 120 if dark else brightness < 100
