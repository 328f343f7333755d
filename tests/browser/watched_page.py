"""A page that is told on: what it loads from elsewhere, and whatever it complains of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser; without one the tests that ask for it are skipped."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield running
        running.close()


@contextmanager
def watched(
    browser: Browser,
    allowed: str,
    width: int,
    scheme: Literal["light", "dark"],
    expected: str | None = None,
    touch: bool = False,
) -> Iterator[Page]:
    """A new page of that width; at the end nothing but ``allowed`` was loaded, and no complaint.

    What ends in a slash is a server, from which everything may come. Complaints that hold
    ``expected`` are part of the test.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        reduced_motion="reduce",
        has_touch=touch,
    )
    page = context.new_page()
    requests: list[str] = []
    messages: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    yield page
    loaded = {url for url in requests if not url.startswith(("data:", "blob:"))}
    if allowed.endswith("/"):
        loaded = {allowed if url.startswith(allowed) else url for url in loaded}
    assert loaded == {allowed}
    assert [text for text in messages if not (expected and expected in text)] == []
    context.close()
