"""The served page's Explain tab in a real browser, on the exact autoencoder.

The picture is grey 40 where its first pixels are, so z0 is −4.4 and the finding's logit −9.8; its
probe asks for 0.95, to which z0 has to rise by 6.37 or a little more.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Request, Route, expect
from served_page import MARKUP, Told, check_accessible, open_picture, serving
from watched_page import browser, watched

from explain_fakes import AGE, DEVICE, FINDING, explainer

__all__ = ["browser"]


class Slow:
    """How long the autoencoder takes to decode."""

    seconds = 0.0


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    made = explainer(floor=-40.0)
    slowed: Any = made.autoencoder
    plain = slowed.decode

    def decode(*parts: Any) -> Any:
        time.sleep(Slow.seconds)
        return plain(*parts)

    slowed.decode = decode
    with serving(Told(), explainer=made) as address:
        yield address


@pytest.fixture
def page(browser: Browser, served: str, tmp_path: Path) -> Iterator[Page]:
    with watched(browser, served, 1280, "light", "status of 400") as opened:
        opened.goto(served)
        open_tab(opened, tmp_path)
        yield opened


def open_tab(page: Page, tmp_path: Path) -> None:
    open_picture(page, tmp_path)
    page.locator("#tab-explain").click()


def explain(page: Page) -> dict[str, Any]:
    """Press the button; what the server answered, once it is shown."""
    with page.expect_response("**/v1/explain") as told:
        page.get_by_role("button", name="Show the change").click()
    expect(page.locator("#explained")).to_be_visible()
    found: dict[str, Any] = told.value.json()
    return found


def picture(page: Page) -> str:
    return page.locator("#explained-picture").get_attribute("src") or ""


def test_the_slider_goes_through_the_frames(page: Page) -> None:
    made = explain(page)
    assert 6.37 <= made["amplitude"] <= 1.36 * 6.37
    step = f"{FINDING} added, a step of {made['amplitude']:.1f} SD"
    expect(page.locator("#explained-said")).to_have_text(step)
    slider = page.get_by_role("slider", name="How much of the change")
    assert picture(page) == made["frames"][8] != made["frames"][0]
    slider.focus()
    for place in (7, 6):
        page.keyboard.press("ArrowLeft")
        assert picture(page) == made["frames"][place]
    said = "75 % of the change"
    expect(page.locator("#explained-caption")).to_have_text(said)
    # The stub says yes with 0.75 to everything.
    sure = f"The model's own probability of {FINDING} in this picture: 75 %"
    expect(slider).to_have_attribute("aria-valuetext", f"{said}. {sure}")
    expect(page.locator("#own-answer")).to_have_text(sure)
    page.keyboard.press("Home")
    assert picture(page) == made["frames"][0]
    expect(page.locator("#explained-caption")).to_have_text("rebuilt")
    # The square is shown in the proportions of the image, 800 × 1000.
    area = page.locator("#explained-picture").bounding_box()
    assert area and area["width"] / area["height"] == pytest.approx(0.8, abs=0.01)


def test_the_difference_takes_the_slider_s_place(page: Page) -> None:
    made = explain(page)
    page.get_by_label("Difference").check()
    assert picture(page) == made["difference"]
    expect(page.locator("#step")).to_be_disabled()
    expect(page.locator("#own-answer")).to_be_hidden()
    page.get_by_label("Difference").uncheck()
    assert picture(page) == made["frames"][8]


def test_scores_are_probabilities_and_what_came_along_is_marked(page: Page) -> None:
    made = explain(page)
    rows = page.locator("#score-rows tr")
    assert [text.split("\t")[0].split("\n")[0] for text in rows.all_inner_texts()] == [
        FINDING, DEVICE, AGE,
    ]  # fmt: skip
    cells = rows.filter(has_text=DEVICE).locator("td").all_inner_texts()
    # 1.5 z1 − 0.5 with z1 from −4.4 up by 0.8 of the step.
    after = 1.5 * (-4.4 + 0.8 * made["amplitude"]) - 0.5
    assert cells == ["< 1 %", f"{100 / (1 + math.exp(-after)):.0f} %"]
    still = 100 / (1 + math.exp(4.4))
    assert rows.filter(has_text=AGE).locator("td").all_inner_texts() == [f"{still:.0f} %"] * 2
    assert page.locator("#score-rows .badge").count() == 1
    expect(rows.filter(has_text=DEVICE).locator(".badge")).to_have_text("moved along")
    expect(page.locator("#explained-warn")).to_have_text(f"Moved along: {DEVICE}")


def test_what_the_pictures_are_is_said(page: Page) -> None:
    explain(page)
    notes = page.locator("#explained .notes")
    for said in (
        "A generative model made these",
        "no intervention on this patient",
        "Compare with the rebuilt image",
        "Made with: fake",
        "Research use only",
    ):
        expect(notes).to_contain_text(said)
    expect(page.locator("#attribute-auc")).to_contain_text("AUC 0.970 (0.950 to 0.990)")
    page.locator("#attribute").select_option(AGE)
    expect(page.locator("#attribute-auc")).to_contain_text("AUC 0.750 (0.700 to 0.800)")


def test_way_and_attribute_are_sent_as_chosen(page: Page) -> None:
    asked: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/v1/explain") and request.method == "POST":
            asked.append(json.loads(request.post_data or ""))

    page.on("request", note)
    explain(page)
    page.get_by_label("Remove").check()
    page.locator("#attribute").select_option(AGE)
    explain(page)
    expect(page.locator("#explained-said")).to_contain_text("nothing was changed")
    assert [(one["attribute"], one["add"]) for one in asked] == [(FINDING, None), (AGE, False)]
    # There are no words to ask the model for an age.
    expect(page.locator("#own-answer")).to_be_hidden()


def test_what_has_no_counterfactual_or_is_refused_is_told_plainly(
    page: Page, tmp_path: Path
) -> None:
    def far(route: Route) -> None:
        answer = route.fetch().json() | {"valid": False, "said": "no valid counterfactual"}
        route.fulfill(json=answer | {"moved": [MARKUP]})

    page.route("**/v1/explain", far, times=1)
    explain(page)
    expect(page.locator("#explained-said")).to_have_text(f"{FINDING}: no valid counterfactual")
    expect(page.locator("#explained-warn")).to_contain_text("nothing follows from them")
    expect(page.locator("#explained-warn .badge")).to_have_text(MARKUP)
    expect(page.locator("#explained-caption")).to_have_text("furthest tried")
    white = io.BytesIO()
    Image.fromarray(np.full((60, 60), 255, np.uint8)).save(white, "PNG")
    page.set_input_files(
        "#file", {"name": "w.png", "mimeType": "image/png", "buffer": white.getvalue()}
    )
    expect(page.locator("#current figcaption")).to_contain_text("60 × 60")
    expect(page.locator("#explained")).to_be_hidden()
    page.get_by_role("button", name="Show the change").click()
    refused = page.locator("#explain-refused")
    expect(refused).to_contain_text("Not explained: out of domain: rebuilt with -115.0 dB")
    expect(page.locator("#explained")).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_empty()
    open_tab(page, tmp_path)
    expect(refused).to_be_hidden()


def test_work_can_be_stopped_and_ends_with_the_picture(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, "seconds", 0.5)
    go, progress = page.locator("#explain-go"), page.locator("#explain-progress")
    go.click()
    expect(progress).to_be_visible()
    expect(go).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(progress).to_be_hidden()
    expect(go).to_be_enabled()
    go.click()
    expect(progress).to_be_visible()
    page.locator("#open").click()
    page.locator("#examples button").first.click()
    expect(page.locator("#current figcaption")).to_contain_text("Simulated")
    expect(progress).to_be_hidden()
    # Longer than both take that were given up: nothing of them may turn up.
    page.wait_for_timeout(5000)
    expect(page.locator("#explained")).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_empty()


def test_without_an_explainer_there_is_no_such_tab(browser: Browser) -> None:
    with serving(Told()) as address, watched(browser, address, 1280, "light") as page:
        page.goto(address)
        expect(page.locator("#examples img[src^=blob]")).to_have_count(3)
        expect(page.locator("#tab-explain")).to_be_hidden()
        page.locator("#tab-findings").focus()
        page.keyboard.press("End")
        assert page.evaluate("document.activeElement.id") == "tab-report"
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.id") == "tab-findings"


# The last is 1280 × 844 at 200 %.
@pytest.mark.parametrize("size", [(1280, 844), (390, 844), (640, 422)], ids=str)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_all_is_within_reach(
    browser: Browser,
    served: str,
    tmp_path: Path,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
) -> None:
    with watched(browser, served, size[0], scheme) as page:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(served)
        page.locator("#tab-explain").click()
        check_accessible(page)
        open_tab(page, tmp_path)
        explain(page)
        check_accessible(page)
        page.locator("#step").focus()
        page.evaluate("document.activeElement.scrollIntoView({ block: 'end' })")
        # The picture is seen together with its slider, and nothing stands before it.
        shown, slider = (
            page.locator(one).bounding_box() for one in ("#explained-picture", "#step")
        )
        assert shown and slider and slider["y"] + slider["height"] <= size[1] + 1
        middle = shown["x"] + shown["width"] / 2, shown["y"] + shown["height"] / 2
        seen = page.evaluate("([x, y]) => document.elementFromPoint(x, y)?.id", middle)
        assert seen == "explained-picture"
        page.get_by_label("Difference").check()
        check_accessible(page)
