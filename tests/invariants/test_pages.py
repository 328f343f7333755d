"""Every page of measurements is what its script makes of the results file, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import (
    build_page,
    copies_page,
    demo_page,
    inference_page,
    judge_agreement,
    label_reader,
    llm_scale,
    priors,
    real_cxr_page,
    serving_page,
    training_page,
)
from benchmarks.results_file import RESULTS

from radvlm.io.files import read_json

ROOT = RESULTS.parents[1]
ELSEWHERE = {"diffchest.md", "diffchest_remarks.md"}
"""Tested beside what they measure, and written by a person."""

PAGES: dict[str, Callable[[Path], str]] = {
    "build": lambda aside: written(build_page.write_page, "build.json", aside),
    "demo": lambda aside: written(demo_page.write_page, "demo.json", aside),
    "inference": lambda _: inference_page.page(read_json(RESULTS / "inference.json")),
    "judge": lambda _: judge_agreement.page(RESULTS / "judge_agreement.json"),
    "labels": lambda _: label_reader.page(RESULTS / "labels.json"),
    "llm": lambda _: llm_scale.page(RESULTS / "llm_scale.json"),
    "priors": lambda _: priors.page(RESULTS / "priors.json"),
    "real_cxr": lambda aside: written(real_cxr_page.write_page, "real_cxr.json", aside),
    "serving": lambda _: serving_page.page(read_json(RESULTS / "serving.json")),
    "training": lambda aside: written(training_page.write_page, "", aside),
}


def written(write: Callable[[Path, Path], None], results: str, aside: Path) -> str:
    write(RESULTS / results, aside)
    return aside.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_made_of_its_results(name: str, tmp_path: Path) -> None:
    page = ROOT / "benchmarks" / f"{name}.md"
    assert page.read_text(encoding="utf-8") == PAGES[name](tmp_path / "page.md")


def test_no_page_is_left_out() -> None:
    there = {path.name for path in (ROOT / "benchmarks").glob("*.md")}
    assert there - ELSEWHERE == {f"{name}.md" for name in PAGES}


def test_the_table_of_copies_in_the_documents_is_made_of_its_results(tmp_path: Path) -> None:
    document, aside = ROOT / "docs" / "mixtures.md", tmp_path / "mixtures.md"
    aside.write_bytes(document.read_bytes())
    copies_page.write_table(RESULTS / "copies.json", aside)
    assert aside.read_text(encoding="utf-8") == document.read_text(encoding="utf-8")
