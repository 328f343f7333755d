"""The browsing page: figures of single answers, causes of failure, and nothing that leaks."""

from __future__ import annotations

import base64
import json
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import browse_cases as cases
from fake_evaluation import TASKS
from radvlm.errors import OutputError, TableError
from radvlm.evaluate import browse_data
from radvlm.evaluate.browse import default_page, json_block, write_browse_page
from radvlm.evaluate.browse_data import failure_of, figures_of, open_evaluation, own_figures
from radvlm.evaluate.score import measure
from radvlm.evaluate.subgroups import Subgroup
from radvlm.inspecting.disclosure import Disclosure
from radvlm.registry import TABLES

TEXTS = (cases.SECRET, "nodule", "edema", "nowhere", "fake_boxes-", "images/", "p3", "v3")


class Outline(HTMLParser):
    """Elements with their attributes, and what stands inside scripts, styles and elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "": []}
        self._within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.inside[""].append(" ")
        self._within = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        self.inside[self._within].append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.inside[""]).split())

    @property
    def policy(self) -> str:
        return next(a["content"] for _, a in self.elements if a.get("http-equiv"))


@pytest.fixture(scope="module", autouse=True)
def fakes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, task in TASKS.items():
            patch.setitem(TABLES["tasks"], name, f"fake_evaluation:{type(task).__name__}")
        yield


@pytest.fixture(scope="module")
def results(fakes: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cases.make(tmp_path_factory.mktemp("open"))


@pytest.fixture(scope="module")
def outline(results: Path) -> Outline:
    return Outline(page_of(results))


def page_of(results: Path, **options: Any) -> str:
    counts = Disclosure(bool(options.get("share_safe")))
    facts = write_browse_page(results, "trained", counts, **options)
    return Path(facts["page"]).read_text("utf-8")


def data_of(outline: Outline) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(outline.inside["script"][0])
    return plain


def test_an_answers_figure_is_that_of_a_data_set_of_it_alone(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = open_evaluation(results, "trained")
    monkeypatch.setattr(browse_data, "_BLOCK", 3)
    metrics = {"fake_boxes": ("mean_iou", "coco_ap50", "box_f1_50", "paper_map50")}
    for one in [*found.measured, *measure(found.items, TASKS, metrics)]:
        if one.metric is None or one.rows is None:
            continue
        alone = [
            one.metric.reduce(one.metric.rows([i.answer], [i.target]), np.ones((1, 1)))[0]
            for i in one.items
        ]
        assert own_figures(one) == pytest.approx(alone, nan_ok=True), one.key
        assert own_figures(one) == pytest.approx(
            one.metric.reduce(one.rows, np.eye(len(alone))), nan_ok=True
        )


def test_figures_computed_by_hand(outline: Outline) -> None:
    data = data_of(outline)
    names = [one["name"] for one in data["metrics"] if one["task"] == "fake_boxes"]
    at = names.index("mean_iou")
    found = {one["id"]: one["turns"][0]["figures"][at] for one in data["examples"]
             if one["task"] == "fake_boxes"}  # fmt: skip
    for patient, wanted in cases.MEAN_IOU.items():
        assert found[f"fake_boxes-{patient}"] == (pytest.approx(wanted) if wanted else wanted)


def test_causes_of_failure_hold_nothing_of_the_data(results: Path, outline: Outline) -> None:
    turns = {(one["id"], k): t for one in data_of(outline)["examples"] for k, t in
             enumerate(one["turns"])}  # fmt: skip
    failed = {key: turn["failure"] for key, turn in turns.items() if turn["failure"]}
    assert failed == cases.FAILURES
    assert [key for key, turn in turns.items() if turn["mended"]] == [("fake_boxes-4", 0)]
    assert [key for key, turn in turns.items() if not turn["scored"]] == [
        (f"fake_facts-{patient}", 2) for patient in range(cases.PATIENTS)
    ]
    item = open_evaluation(results, "trained").items[0]
    prediction = cases.predictions([item.example])[0]
    told = replace(prediction, replies=(), error=f"{cases.SECRET}: not a class")
    assert failure_of(item, told) == "no reply"


def test_boxes_and_pictures_of_the_plain_values(outline: Outline) -> None:
    data = data_of(outline)
    one = next(e for e in data["examples"] if e["id"] == "fake_boxes-1")
    assert one["turns"][0]["true"] == [["nodule", 0.05, 0.05, 0.25, 0.35]]
    assert one["turns"][0]["predicted"] == [["nodule", 0.05, 0.20, 0.25, 0.35]]
    assert one["turns"][0]["reference"] == "here [0.05, 0.05, 0.25, 0.35]"
    assert one["groups"]["sex"] == "F"
    # Two examples a patient, one picture for both; patient 2's file is missing.
    assert len(data["pictures"]) == cases.PATIENTS - 1
    assert {(p["width"], p["height"]) for p in data["pictures"]} == {(100, 200)}
    assert len({p["uri"] for p in data["pictures"]}) == cases.PATIENTS - 1
    missing = {e["id"]: e["missing"] for e in data["examples"] if e["picture"] is None}
    assert missing.keys() == {"fake_boxes-2", "fake_facts-2"} and all(missing.values())


def test_texts_are_data_and_never_markup(results: Path, outline: Outline) -> None:
    page = page_of(results)
    assert [name for name, _ in outline.elements if name == "script"] == ["script", "script"]
    assert not [a for _, a in outline.elements if any(name.startswith("on") for name in a)]
    block = outline.inside["script"][0]
    assert not re.search("[<>&\u2028\u2029\u202e]", block)
    answers = [t["answer"] for e in data_of(outline)["examples"] for t in e["turns"]]
    assert cases.SCRIPT in answers and cases.BREAKOUT in answers
    assert "<img src=x" not in page and "&lt;script&gt;document" in page  # the mixture's name
    assert json.loads(json_block({"a": "\u2028</script>\ud800"})) == {"a": "\u2028</script>\ud800"}


def test_policy_names_the_script_and_the_style_by_hash(outline: Outline) -> None:
    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"

    directives = dict(one.strip().split(" ", 1) for one in outline.policy.split(";"))
    assert directives["default-src"] == "'none'" and directives["img-src"] == "data:"
    assert directives["script-src"] == source(outline.inside["script"][1])
    assert directives["style-src"] == source("".join(outline.inside["style"]))
    outside = [a for _, a in outline.elements if a.get("src") or "//" in a.get("href", "")]
    assert outside == [] and "style" not in {name for _, a in outline.elements for name in a}


def test_notice_hint_and_counts_are_on_the_page(outline: Outline) -> None:
    assert "For research use only" in outline.words and "not for diagnosis" in outline.words
    assert "not the corpus figure" in outline.words
    assert "Open data" in outline.words and "Do not share" not in outline.words
    # Task, answers, failed, then the causes in order, then the mended.
    assert "Fake boxes 14 1 0 0 0 1 1" in outline.words
    assert "Fake facts 28 5 2 1 2 0 0" in outline.words


@pytest.mark.parametrize("access", ["credentialed", "private"])
def test_closed_data_is_marked_and_private(access: Any, tmp_path: Path) -> None:
    results = cases.make(tmp_path, access)
    outline = Outline(page_of(results))
    assert f"Do not share: this page holds {access} images and texts." in outline.words
    assert {one["access"] for one in data_of(outline)["examples"]} == {access}
    page = default_page(results, "trained")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600 and page.parent == results.parent
    shared = Outline(page_of(results, share_safe=True))
    assert "Do not share" not in shared.words and "Aggregates only" in shared.words


def test_a_share_safe_page_holds_aggregates_alone(results: Path) -> None:
    page = page_of(results, share_safe=True)
    outline = Outline(page)
    kinds = {name for name, _ in outline.elements}
    assert not kinds & {"script", "img", "form", "button"}
    assert "script-src 'none'" in outline.policy
    told = page.replace(outline.inside["style"][0], "")
    for text in TEXTS:
        assert text not in told, text
    # 42 answers, 14 of boxes; fewer than ten of anything is not told.
    assert "40 answers to 30 examples" in outline.words
    assert "Fake boxes 10 <10 0 0 0 <10 <10" in outline.words
    assert "Fake facts 30 <10 <10 <10 <10 0 0" in outline.words
    assert "sex F" not in outline.words and "sex M" not in outline.words  # seven patients each
    bars = [a for name, a in outline.elements if name == "rect" and a.get("class") == "hollow"]
    assert bars


def test_the_worst_group_is_named_and_small_ones_are_faint(results: Path) -> None:
    found = open_evaluation(results, "trained")
    key = next(one.key for one in found.measured if "mean_iou" in one.key)

    def group(name: str, patients: int, value: float) -> dict[str, Any]:
        gap = {"gap": -0.1, "gap_interval": [-0.2, -0.05], "p": 0.01, "p_adjusted": 0.02}
        return {"by": "age", "group": name, "patients": patients, "answers": 2 * patients,
                "value": value, "interval": [value - 0.1, value + 0.1], **gap,
                "small": patients < 30}  # fmt: skip

    groups = [group("0-17", 5, 0.1), group("18-39", 40, 0.31), group("80+", 60, 0.5)]
    entry = {**found.entry, "subgroups": {key: groups}}
    (figure,) = [
        one
        for one in figures_of(replace(found, entry=entry), [own_figures(m) for m in found.measured])
        if one.groups
    ]
    assert figure.lowest == Subgroup(**groups[1])
    path, kept = results / "scores.json", (results / "scores.json").read_text()
    tree = json.loads(kept)
    tree["conditions"]["trained"]["subgroups"] = {key: groups}
    path.write_text(json.dumps(tree))
    try:
        page, shared = page_of(results), page_of(results, share_safe=True)
    finally:
        path.write_text(kept)
    assert "age 18-39 0.31 [0.21, 0.41] 80 40 −0.10 [−0.20, −0.05] 0.020" in Outline(page).words
    faint = re.findall(r'<tr class="small">.*?</tr>', page, flags=re.DOTALL)
    assert len(faint) == 1 and "0-17" in faint[0]
    assert "0-17" not in shared and "18-39" in shared


def test_limit_keeps_some_examples_and_all_figures(results: Path, tmp_path: Path) -> None:
    first, second = (
        Outline(page_of(results, limit=5, out=tmp_path / f"{k}.html")) for k in range(2)
    )
    ids = [one["id"] for one in data_of(first)["examples"]]
    assert len(ids) == 5 and ids == [one["id"] for one in data_of(second)["examples"]]
    assert "5 of 28 examples, drawn at random" in first.words
    assert "Fake facts 28 5 2 1 2 0 0" in first.words


def test_bad_input_is_one_line(results: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"'blind'.*Known: trained"):
        write_browse_page(results, "blind", Disclosure())
    with pytest.raises(TableError, match="lie below it"):
        write_browse_page(tmp_path, "trained", Disclosure())
    inside = results.parent / "data" / "page.html"
    with pytest.raises(OutputError, match="inside the data set"):
        write_browse_page(results, "trained", Disclosure(), inside)
    assert not inside.exists()


def test_a_data_set_built_anew_is_refused(tmp_path: Path) -> None:
    results = cases.make(tmp_path)
    path = results / "scores.json"
    path.write_text(path.read_text().replace('"data": "', '"data": "0'))
    with pytest.raises(TableError, match="other examples"):
        write_browse_page(results, "trained", Disclosure())
