"""The served page in a real browser: findings, conversation, regions, draft, keys, reload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect
from served_page import (
    BRIGHT,
    HANGING,
    LUNG,
    REPORT,
    SCOPE,
    Told,
    model,
    open_picture,
    served,
)
from staged import place
from watched_page import browser, watched

from radvlm.records import Box

__all__ = ["browser", "model", "served"]


@pytest.fixture
def page(browser: Browser, served: str, tmp_path: Path) -> Iterator[Page]:
    with watched(browser, served, 1280, "light") as opened:
        opened.goto(served)
        open_picture(opened, tmp_path)
        yield opened


def read(page: Page) -> None:
    page.keyboard.press("r")
    expect(page.locator("#finding-rows tr")).to_have_count(4)


def ask(page: Page, question: str) -> Locator:
    """The answer's item, once it is whole."""
    page.keyboard.press("/")
    page.keyboard.type(question)
    page.keyboard.press("Enter")
    expect(page.locator("#send")).to_be_visible()
    return page.locator("#messages .assistant").last


def boxes_of(page: Page, label: str) -> Locator:
    return page.locator(f"#current .box[aria-label^='{label}']")


def test_scope_and_notice_are_always_in_sight(page: Page) -> None:
    notice = page.get_by_role("complementary", name="Notice")
    assert "Research use only." in notice.inner_text() and SCOPE in notice.inner_text()
    read(page)
    # The second is 1280 × 844 at 200 %.
    for width, height in ((1280, 844), (640, 422), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for tab in ("ask", "report", "findings"):
            page.locator(f"#tab-{tab}").click()
            page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            expect(notice).to_be_in_viewport(ratio=0.99)
            assert page.evaluate(HANGING) == []


def test_texts_light_their_boxes_and_boxes_their_texts(page: Page) -> None:
    read(page)
    box = boxes_of(page, "Pleural Effusion")
    first, second = page.locator(".sentence").nth(0), page.locator(".sentence").nth(1)
    row = page.locator("#finding-rows tr").filter(has_text="Pleural Effusion")
    for pointed in (first, row, box):
        pointed.hover()
        for other in (first, row, box):
            expect(other).to_contain_class("lit")
        expect(second).not_to_contain_class("lit")
        page.mouse.move(1, 1)
        expect(box).not_to_contain_class("lit")
    second.hover()
    expect(box).not_to_contain_class("lit")
    first.focus()
    expect(box).to_contain_class("lit")
    page.locator("#tab-report").click()
    box.focus()
    page.keyboard.press("Enter")  # a box that is chosen brings its text into sight
    expect(first).to_be_visible()
    expect(first).to_contain_class("lit")
    page.locator("#current .stage").focus()
    page.keyboard.press("Escape")
    expect(first).not_to_contain_class("lit")


def test_an_answer_is_streamed_linked_and_followed_up(page: Page, model: Told) -> None:
    said = ask(page, "Where is the left lung?")
    assert "It is here: " in said.inner_text() and "[0." not in said.inner_text()
    box = boxes_of(page, "Answer 1")
    rect = box.locator(".line")
    left, right = (place(page, x, 0)[0] for x in (LUNG.x1, LUNG.x2))
    assert float(rect.get_attribute("x") or 0) == pytest.approx(left, abs=1)
    assert float(rect.get_attribute("width") or 0) == pytest.approx(right - left, abs=1)
    line = said.locator(".said").nth(0)
    box.hover()
    expect(line).to_contain_class("lit")
    page.mouse.move(1, 1)
    line.hover()
    expect(box).to_contain_class("lit")
    said.locator("button.chip").focus()
    expect(box).to_contain_class("lit")
    page.get_by_role("button", name="On which side?").click()
    expect(page.locator("#messages .assistant").last).to_contain_text("right side")
    turns = model.chats[-1].turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[1].parts[1] == (LUNG,) and turns[2].parts == ("On which side?",)
    assert len(model.chats[-1].images) == 1
    expect(box).to_be_hidden()  # those of earlier answers come back when they are pointed at
    page.locator("#messages .chip").first.hover()
    expect(box).to_be_visible()
    page.locator("#forget").click()
    expect(page.locator("#messages li")).to_have_count(0)


def test_an_answer_grows_and_can_be_stopped(page: Page) -> None:
    page.locator("#tab-ask").click()
    page.locator("#question").fill("Is this image slow?")
    page.locator("#send").click()
    text = page.locator("#messages .assistant .text")
    expect(text).to_contain_text("word word")
    some = len(text.inner_text())
    page.wait_for_function(
        "n => document.querySelector('.assistant .text').textContent.length > n", arg=some
    )
    page.locator("#stop").click()
    expect(page.locator("#messages .assistant")).to_contain_text("(stopped)")
    assert len(text.inner_text()) < 1000
    assert "right side" in ask(page, "On which side?").inner_text()


def test_a_region_is_drawn_and_asked_about(page: Page, model: Told) -> None:
    page.locator("[data-tool=draw]").click()
    area = page.locator("#current .stage").bounding_box()
    assert area
    (left, top), (right, bottom) = (
        place(page, BRIGHT.x1, BRIGHT.y1),
        place(page, BRIGHT.x2, BRIGHT.y2),
    )
    page.mouse.move(area["x"] + right, area["y"] + top)
    page.mouse.down()
    page.mouse.move(area["x"] + left, area["y"] + bottom, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="What is here?").click()
    expect(page.locator("#messages .assistant")).to_contain_text("There is an effusion here.")
    text, boxes = model.chats[-1].turns[-1].parts
    assert str(text).strip() == "What is here?" and isinstance(boxes, tuple)
    (asked,) = boxes
    assert (asked.x1, asked.y1, asked.x2, asked.y2) == pytest.approx(
        (BRIGHT.x1, BRIGHT.y1, BRIGHT.x2, BRIGHT.y2), abs=0.003
    )
    expect(page.locator("#region")).to_be_hidden()
    expect(boxes_of(page, "Asked")).to_be_visible()


def test_a_region_needs_no_mouse(page: Page, model: Told) -> None:
    page.locator("#current .stage").focus()
    page.keyboard.press("b")
    fields = page.locator("#region input")
    before = [float(fields.nth(k).input_value()) for k in range(4)]
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    after = [float(fields.nth(k).input_value()) for k in range(4)]
    changes = [b - a for a, b in zip(before, after, strict=True)]
    assert changes == pytest.approx([1, 2, 0, 2], abs=0.11)
    fields.nth(0).fill("10")
    fields.nth(3).fill("90")
    page.locator("#current .stage").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.press("Enter")
    expect(page.locator("#messages .assistant")).to_contain_text("There is an effusion here.")
    boxes = model.chats[-1].turns[-1].parts[1]
    assert isinstance(boxes[0], Box) and (boxes[0].x1, boxes[0].y2) == (0.1, 0.9)


def test_a_draft_is_edited_and_leaves_as_text_json_and_pdf(page: Page, tmp_path: Path) -> None:
    read(page)
    status = page.get_by_label("Status of Cardiomegaly")
    assert status.input_value() == "present"
    assert "0.75" in page.locator("#finding-rows tr").filter(has_text="Cardiomegaly").inner_text()
    status.select_option("absent")
    expect(page.locator(".edited").first).to_have_text("edited; model: present")
    page.locator("#tab-report").click()
    draft = page.locator("#draft")
    assert draft.input_value() == REPORT
    draft.fill("The heart is of normal size.")
    saved = {}
    for kind in ("text", "json", "pdf"):
        with page.expect_download() as download:
            page.locator(f"#save-{kind}").click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        saved[kind] = path.read_bytes()
    text = saved["text"].decode()
    assert text.startswith("Research use only") and SCOPE in text and "normal size." in text
    given = json.loads(saved["json"])
    assert given["draft"] == "The heart is of normal size." and given["reading"]["report"] == REPORT
    (changed,) = [one for one in given["findings"] if one["edited"]]
    assert (changed["name"], changed["status"], changed["model_status"]) == (
        "Cardiomegaly", "absent", "present",
    )  # fmt: skip
    assert saved["pdf"].startswith(b"%PDF-")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#copy").click()
    expect(page.locator("#draft-state")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == text
    page.locator("#take").click()
    assert draft.input_value() == REPORT


def test_a_reload_warns_and_starts_clean(page: Page, served: str) -> None:
    read(page)
    page.locator("#tab-report").click()
    page.locator("#draft").press_sequentially("Mine. ")
    warned: list[str] = []

    def accept(dialog: Dialog) -> None:
        warned.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    page.reload()
    assert warned == ["beforeunload"]
    expect(page.locator("#start")).to_be_visible()
    assert page.locator("#draft").input_value() == ""
    assert page.locator("#messages li").count() == page.locator("#current .box").count() == 0
    kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert kept == [0, 0, ""]
    page.reload()
    assert len(warned) == 1  # there was nothing to lose


def test_another_image_asks_before_a_draft_is_lost(page: Page) -> None:
    page.keyboard.press("d")
    page.keyboard.type("Mine.")
    page.locator("#open").click()
    page.locator("#examples button").first.click()
    page.get_by_role("button", name="Keep them").click()
    assert page.locator("#draft").input_value() == "Mine."
    page.locator("#examples button").first.click()
    page.get_by_role("button", name="Discard them").click()
    expect(page.locator("#current figcaption")).to_contain_text("Simulated")
    assert page.locator("#draft").input_value() == ""


def test_keys_are_listed_and_can_be_switched_off(page: Page) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.get_by_label("Single keys act").uncheck()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("#current .stage").focus()
    page.keyboard.press("i")
    assert page.locator("#invert").get_attribute("aria-pressed") == "false"
    page.locator("#tab-findings").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-ask"
    expect(page.locator("#ask")).to_be_visible()
