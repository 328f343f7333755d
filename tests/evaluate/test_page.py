from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from page_cases import SCRIPT, figure, full_page, radiograph, tables, versus
from radvlm.errors import OutputError
from radvlm.evaluate import page as page_module
from radvlm.evaluate.page import render_page, sentence, signed, write_page
from radvlm.evaluate.page_data import Comparison, MetricRow, PageData, Picture, Run, TaskTable
from radvlm.records import Score

VOID = {"meta", "link", "img", "br", "wbr", "path", "use", "rect"}


class Outline(HTMLParser):
    """Elements with their attributes, and all text outside ``style``."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.nested = True
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.nested &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def words(page: str) -> str:
    return " ".join(Outline(page).text.split())


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(full_page())


def test_every_element_is_closed_and_every_inner_link_has_a_target(page: str) -> None:
    outline = Outline(page)
    assert outline.nested
    assert outline.open == []
    ids = [a["id"] for _, a in outline.elements if "id" in a]
    assert len(ids) == len(set(ids))
    inner = {a["href"][1:] for a in outline.named("a")}
    assert {"summary", "run", "task-report"} <= inner <= set(ids)


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    outline = Outline(page)
    assert not {"script", "iframe", "object", "embed"} & {tag for tag, _ in outline.elements}
    assert all(a["src"].startswith("data:image/") for a in outline.named("img"))
    assert [a["href"] for a in outline.named("link")] == ["data:,"]
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", page)
    policy = next(a for a in outline.named("meta") if "http-equiv" in a)
    assert policy["content"].startswith("default-src 'none'")


def test_scope_is_the_first_thing_said(page: str) -> None:
    said = words(page[page.index("<body>") :])
    assert said.startswith("Skip to the results Toy: trained on simulated images.")
    assert "not for diagnosis" in said


def test_text_from_data_stays_text_wherever_it_stands() -> None:
    full = full_page()
    evil = replace(
        full,
        title=SCRIPT,
        scope=SCRIPT,
        lead=SCRIPT,
        examples_note=SCRIPT,
        tables=tuple(replace(t, title=SCRIPT, note=SCRIPT) for t in full.tables),
        regions=tuple(replace(r, region=SCRIPT) for r in full.regions),
        pictures=tuple(
            replace(p, task=SCRIPT, answer=SCRIPT, true=tuple((SCRIPT, b) for _, b in p.true))
            for p in full.pictures
        ),
        reports=tuple(replace(r, generated=SCRIPT, reference=SCRIPT) for r in full.reports),
        run=replace(full.run, recipes={SCRIPT: SCRIPT}, counts={SCRIPT: SCRIPT}),
    )
    page = render_page(evil)
    assert "<script" not in page
    assert "<b>bold" not in page
    assert Outline(page).nested
    assert words(page).count(SCRIPT) > 15


def test_tasks_that_do_not_beat_their_baseline_are_named_at_the_top(page: str) -> None:
    summary = words(page[page.index('id="summary"') : page.index('id="scores"')])
    assert "1 of 2 compared tasks does NOT beat what it is compared with" in summary
    claim = "Box F1 at IoU 0.5: trained does NOT beat blind: difference +0.02 [−0.03, +0.07]"
    assert f"Abnormality grounding {claim}" in summary
    assert "NOT beat mean box" not in summary


def test_a_page_where_every_comparison_is_won_says_so() -> None:
    won = words(render_page(replace(full_page(), tables=tables()[::2])))
    assert "Every compared task beats what it is compared with" in won
    assert "NOT" not in won


@pytest.mark.parametrize(
    ("comparison", "said"),
    [
        (versus("blind", "k", 0.41, 0.36, 0.46), "trained beats blind: difference +0.41"),
        (versus("blind", "k", 0.02, -0.03, 0.07), "trained does NOT beat blind: difference +0.02"),
        (versus("blind", "k", -0.2, -0.3, -0.1), "does NOT beat blind: difference −0.20 [−0.30,"),
        (versus("blind", "k", 0.1, 0.0, 0.2), "does NOT beat blind: difference +0.10 [+0.00,"),
        (
            Comparison("trained", "blind", Score("k", 0.5, None, 3, 3, 0)),
            "cannot be told whether trained beats blind: difference +0.50 (no interval)",
        ),
        (
            Comparison("trained", "blind", Score("k", None, None, 3, 0, 3)),
            "cannot be told whether trained beats blind: difference not computed",
        ),
    ],
)
def test_verdicts_follow_the_interval(comparison: Comparison, said: str) -> None:
    assert said in sentence(comparison)


def test_a_bound_that_is_not_nought_is_not_written_as_nought() -> None:
    assert signed(Score("k", 0.008, (0.001, 0.015), 9, 9, 0)) == "+0.008 [+0.001, +0.015]"


def test_what_cannot_be_told_is_neither_won_nor_lost() -> None:
    unknown = Comparison("trained", "blind", Score("k", 0.5, None, 3, 3, 0))
    row = MetricRow("AP", "ap", (figure("ap", 0.1), figure("ap", 0.6)), (unknown,))
    table = TaskTable("t", "Anatomy", ("blind", "trained"), (row,))
    said = words(render_page(replace(full_page(), tables=(table,))))
    assert "Cannot be told for 1 of 1 compared tasks" in said
    assert "does NOT beat what" not in said
    assert "Every compared task beats" not in said


def test_figures_come_with_interval_count_and_failures(page: str) -> None:
    table = page[page.index('id="task-anatomical_grounding"') :]
    said = words(table[: table.index("</table>")])
    assert "240 answers" in said
    assert "0.94 [0.91, 0.97] 2 of 240 failed" in said
    assert "0.00 [0.00, 0.03] 240 of 240 failed" in said
    assert table[: table.index("</table>")].count('class="best"') == 2


def test_nothing_is_emphasised_where_every_condition_is_as_good() -> None:
    row = MetricRow("AP", "ap", (figure("ap", 0.201), None, figure("ap", 0.199)))
    alike = TaskTable("t", "T", ("a", "b", "c"), (row,))
    assert 'class="best"' not in render_page(replace(full_page(), tables=(alike,)))


def test_examples_of_closed_data_are_left_out_and_the_page_says_why(tmp_path: Path) -> None:
    secret = "Patient Doe has cardiomegaly"
    full = full_page()
    closed = replace(
        full, access="credentialed", reports=(replace(full.reports[0], generated=secret),)
    )
    write_page(closed, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    said = words(page)
    assert "Examples left out" in said
    assert "credentialed data" in said
    assert "0.94 [0.91, 0.97]" in said
    assert "<img" not in page
    assert secret not in page
    assert "The heart" not in page
    assert str(tmp_path) not in page


def test_empty_parts_have_no_section_and_no_entry_in_the_contents() -> None:
    bare = PageData(title="t", scope="s", access="open", run=Run())
    outline = Outline(render_page(bare))
    assert [a["id"] for a in outline.named("section")] == ["run"]
    assert [a["href"] for a in outline.named("a")] == ["#main", "#run"]


def test_pictures_shrink_until_the_page_is_small_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (640, 640), dtype=np.uint8)
    data = replace(full_page(), pictures=3 * (Picture(noise, "t", "q", "a"),))
    assert len(render_page(data)) > 1_000_000
    monkeypatch.setattr(page_module, "LIMIT", 900_000)
    write_page(data, tmp_path / "page.html")
    assert 400_000 < (tmp_path / "page.html").stat().st_size < 900_000
    monkeypatch.setattr(page_module, "LIMIT", 100_000)
    with pytest.raises(OutputError, match="5 MB"):
        write_page(data, tmp_path / "other.html")
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_every_row_needs_a_score_for_each_column() -> None:
    row = MetricRow("AP", "ap", (figure("ap", 0.1),))
    with pytest.raises(ValueError, match="one score a column"):
        TaskTable("t", "T", ("blind", "trained"), (row,))


def test_pictures_say_what_they_show(page: str) -> None:
    alts = [a["alt"] for a in Outline(page).named("img")]
    assert "Chest radiograph: Where is the right lung? (1 box predicted, 1 box true)" in alts
    assert len(alts) == 4 + 1 + 1


def luminance(colour: str) -> float:
    """Relative luminance of ``#rgb`` or ``#rrggbb`` (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme: str) -> None:
    style = (files("radvlm.evaluate") / "templates/page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", blocks[0 if scheme == "light" else 1]))
    pairs = [(ink, paper) for ink in ("ink", "muted", "accent") for paper in ("paper", "card")]
    pairs += [("ink", "user"), ("muted", "user"), ("scope", "scope-wash")]
    pairs += [(ink, wash) for ink in ("good", "bad") for wash in ("card", f"{ink}-wash")]
    pairs += [("ink", "bad-wash"), ("accent", "bad-wash"), ("accent", "accent-wash")]
    for ink, paper in pairs:
        light, dark = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_the_made_up_radiograph_is_one() -> None:
    pixels = radiograph(0)
    assert pixels.dtype == np.uint8
    assert pixels[200, 140] < pixels[200, 224]  # lung darker than spine
