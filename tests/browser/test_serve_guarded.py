"""The served page against what comes from outside: markup, errors, a token; and WCAG by axe."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Route, expect
from served_page import (
    MARKUP,
    SCOPE,
    Told,
    check_accessible,
    model,
    open_picture,
    png_file,
    served,
    serving,
)
from watched_page import browser, watched

from radvlm.models.domain import describe, fit
from radvlm.protocols import Chat, Decoding

__all__ = ["browser", "model", "served"]

INJECTIONS = Path(__file__).parents[1] / "security" / "test_injections.py"
STRINGS: list[str] = runpy.run_path(str(INJECTIONS))["STRINGS"]
OWN_BOX = "[0.1, 0.2, 0.3, 0.4] "
"""What some of the strings hold is a box, and is drawn as one."""


class Hostile(Told):
    """Says all the strings at once, and names itself with markup."""

    info = replace(Told.info, name=MARKUP, scope=f"{MARKUP} scope")

    def _said(self, chat: Chat) -> str:
        return "\n".join(STRINGS)


class Failing(Told):
    """Breaks off in the middle of the first answer."""

    def stream(self, chat: Chat, decoding: Decoding) -> Iterator[str]:
        yield "The heart"
        if not self.chats:
            self.chats.append(chat)
            raise RuntimeError("broken")
        yield " is large."


def hostile_reading() -> dict[str, Any]:
    box = [0.1, 0.1, 0.2, 0.2]
    lines = [{"text": text, "findings": [text], "boxes": [box]} for text in STRINGS]
    found = [
        {"name": text, "status": "present", "side": None, "boxes": [box], "sentence": k,
         "box_confidences": [None], "confidence": 0.5}
        for k, text in enumerate(STRINGS)
    ]  # fmt: skip
    about = {"scope": MARKUP, "notice": MARKUP, "model": MARKUP, "refusal": MARKUP}
    regions = [{"name": MARKUP, "box": box, "confidence": None}]
    return {**about, "accepted": True, "forced": True, "report": "\n".join(STRINGS),
            "sentences": lines, "findings": found, "regions": regions,
            "contradictions": STRINGS}  # fmt: skip


def test_two_hundred_strings_stay_text(browser: Browser, tmp_path: Path) -> None:
    assert len(STRINGS) == 200
    with serving(Hostile()) as address, watched(browser, address, 1280, "light") as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        answer = json.dumps(hostile_reading())
        page.route("**/v1/read", lambda r: r.fulfill(body=answer, content_type="application/json"))
        page.goto(address)
        bytes_ = png_file(tmp_path).read_bytes()
        hostile = {"name": f"{MARKUP}.png", "mimeType": "image/png", "buffer": bytes_}
        page.set_input_files("#file", hostile)  # type: ignore[arg-type]
        expect(page.locator("#current figcaption")).to_contain_text("<img src=x onerror=")
        elements = page.locator("*").count()
        page.locator("#read").click()
        expect(page.locator(".sentence")).to_have_count(200)
        every = "all => all.map(one => one.textContent)"
        assert page.eval_on_selector_all(".sentence", every) == STRINGS
        assert page.eval_on_selector_all("#finding-rows .name", every) == STRINGS
        assert page.eval_on_selector_all(".box.findings text", every) == STRINGS
        assert page.eval_on_selector_all("#contradictions li", every) == [f"{s}." for s in STRINGS]
        assert page.locator("#refused strong").inner_text() == MARKUP
        page.locator("#tab-ask").click()
        page.locator("#question").fill(f"chest {MARKUP}")
        page.locator("#send").click()
        expect(page.locator("#messages .assistant .link")).to_be_visible()
        said = page.locator("#messages .assistant .text").evaluate(
            "one => { const copy = one.cloneNode(true);"
            " copy.querySelectorAll('button').forEach(b => b.remove()); return copy.textContent }"
        )
        assert [s for s in STRINGS if s.replace(OWN_BOX, "").strip() not in said] == []
        assert page.locator("#messages .user .text").inner_text() == f"chest {MARKUP}"
        assert MARKUP in page.locator("#scope").inner_text()
        # Everything new is one of the page's own kinds of element.
        kinds = page.evaluate(
            "[...new Set([...document.querySelectorAll('*')].map(e => e.localName))]"
        )
        assert not {"iframe", "object", "embed", "base", "a:not(.skip)"} & set(kinds)
        assert page.locator("script").count() == 1 and page.locator("img[src=x]").count() == 0
        assert page.locator("*").count() > elements and dialogs == []
        assert (
            page.title().startswith("radvlm")
            and page.locator("[onerror], [style*=url]").count() == 0
        )


def test_what_cannot_be_read_is_said_and_the_page_goes_on(
    browser: Browser, served: str, tmp_path: Path
) -> None:
    with watched(browser, served, 1280, "light", "status of 422") as page:
        page.goto(served)
        bad = {"name": "x.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(50)}
        page.set_input_files("#file", bad)  # type: ignore[arg-type]
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("This image cannot be used.")
        assert alert.get_by_role("button", name="Try again").count() == 0
        large = tmp_path / "large.dcm"
        large.write_bytes(bytes(20_100_000))
        page.set_input_files("#file", large)
        expect(alert).to_contain_text("too large")
        alert.get_by_role("button", name="Dismiss").click()
        expect(alert).to_be_empty()
        open_picture(page, tmp_path)


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "too much to do"), (503, "busy"), (0, "does not answer"), (500, "failed")],
)
def test_what_passes_can_be_tried_again(
    browser: Browser, served: str, tmp_path: Path, status: int, words: str
) -> None:
    def fail(route: Route) -> None:
        error = {"error": {"message": "wait a little", "type": "", "code": status}}
        if status:
            route.fulfill(status=status, body=json.dumps(error), headers={"Retry-After": "1"})
        else:
            route.abort()

    with watched(browser, served, 1280, "dark", "Failed to load resource") as page:
        page.goto(served)
        open_picture(page, tmp_path)
        page.route("**/v1/read", fail, times=1)
        page.locator("#read").click()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text(words)
        again = alert.get_by_role("button", name="Try again")
        expect(again).to_be_enabled()
        again.click()
        expect(page.locator("#finding-rows tr")).to_have_count(4)
        expect(alert).to_be_empty()


def test_an_answer_that_breaks_off_gives_the_question_back(
    browser: Browser, tmp_path: Path
) -> None:
    with serving(Failing()) as address, watched(browser, address, 1280, "light") as page:
        page.goto(address)
        open_picture(page, tmp_path)
        page.locator("#tab-ask").click()
        page.locator("#question").fill("Is the heart large?")
        page.locator("#send").click()
        expect(page.get_by_role("alert")).to_contain_text("the model failed")
        expect(page.locator("#messages li")).to_have_count(0)
        assert page.locator("#question").input_value() == "Is the heart large?"
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#messages .assistant")).to_contain_text("The heart is large.")


def test_an_unlike_image_is_read_only_when_told_so(browser: Browser, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 64)).astype(np.uint8) for _ in range(60)]
    domain = fit([describe(one) for one in noise])
    with (
        serving(Told(), domain=domain) as address,
        watched(browser, address, 1280, "light") as page,
    ):
        page.goto(address)
        open_picture(page, tmp_path)
        page.locator("#read").click()
        expect(page.locator("#refused")).to_contain_text("Not read: this image is unlike")
        expect(page.locator("#reading")).to_be_hidden()
        page.get_by_role("button", name="Read it all the same").click()
        expect(page.locator("#refused")).to_contain_text("Read although")
        expect(page.locator("#finding-rows tr")).to_have_count(4)


def test_the_token_is_asked_for_and_kept_nowhere(browser: Browser, tmp_path: Path) -> None:
    with (
        serving(Told(), token="right") as address,
        watched(browser, address, 1280, "light", "status of 401") as page,
    ):
        page.goto(address)
        dialog = page.get_by_role("dialog", name="A token is needed")
        for token in ("wrong", "right"):
            expect(dialog).to_be_visible()
            page.get_by_role("textbox", name="Token").fill(token)
            page.get_by_role("textbox", name="Token").press("Enter")
            if token == "wrong":
                expect(dialog).to_contain_text("does not know this token")
        expect(page.locator("#scope")).to_contain_text(SCOPE)
        expect(page.locator("#examples img[src^=blob]")).to_have_count(3)
        assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
        open_picture(page, tmp_path)
        page.locator("#read").click()
        expect(page.locator("#finding-rows tr")).to_have_count(4)
        page.reload()
        expect(dialog).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("alert")).to_contain_text("Without the token")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    browser: Browser, served: str, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    with watched(browser, served, width, scheme) as page:
        page.goto(served)
        expect(page.locator("#examples img[src^=blob]")).to_have_count(3)
        check_accessible(page)
        open_picture(page, tmp_path)
        page.locator("#read").click()
        page.locator("#finding-rows .name").nth(1).click()
        page.get_by_label("Status of Cardiomegaly").select_option("absent")
        check_accessible(page)
        page.locator("#current .stage").focus()
        page.keyboard.press("b")
        page.locator("#question").fill("Where is the left lung?")
        page.locator("#send").click()
        expect(page.locator("#messages .assistant .link")).to_be_visible()
        page.locator("#current .stage").focus()
        page.keyboard.press("b")
        check_accessible(page)
        page.set_input_files("#prior-file", png_file(tmp_path))
        expect(page.locator("#prior")).to_be_visible()
        page.locator("#tab-report").click()
        check_accessible(page)
        page.locator("#help").click()
        check_accessible(page)
