"""The paper's tables: what enters, what stands below and why, marks, formats."""

from __future__ import annotations

import csv
import io
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from radvlm.evaluate.judge import key_of as judge_key
from radvlm.metrics.label_f1 import KeywordMacro13
from radvlm.metrics.paper_map50 import PaperMap50
from radvlm.metrics.rouge_l import RougeL
from radvlm.records import Score
from radvlm.tabling.formats import as_csv, as_latex, as_markdown, as_plain
from radvlm.tabling.layout import Filled, fill
from radvlm.tabling.overview import table_1
from radvlm.tabling.published import Basis, Table, literature
from radvlm.tabling.results import Result

RECIPES = Path(__file__).parents[2] / "recipes"
ROUGE = "report/rouge_l/stemmed-f1,refs=released"


def result(
    model: str,
    *scores: Score,
    mixture: str = "test_mimic_reports",
    data: str = "d0",
    seen: int = 0,
) -> Result:
    contaminated = {"n": seen, "of": 3314}
    return Result(Path(model), "trained", model, data, mixture, contaminated, scores)


def of(key: str, value: float | None, n: int = 3314, failed: int = 0) -> Score:
    interval = None if value is None else (value - 0.01, value + 0.01)
    return Score(key, value, interval, n, n - failed, failed, None if value is not None else "no")


def table(number: str) -> Table:
    return next(one for one in literature().tables if one.number == number)


def row(filled: Filled, model: str) -> dict[str, str]:
    (found,) = [r for r in filled.rows if r.model == model]
    return dict(zip(filled.heads, (cell.text for cell in found.cells), strict=True))


def test_the_numbers_are_those_printed_in_the_paper() -> None:
    printed = {
        ("3", "RadVLM", "radgraph"): 18.2,
        ("3", "CheXagent", "green"): 29.9,
        ("4", "RadVLM", "anatomy"): 85.8,
        ("4", "MAIRA-2", "abnormality"): 11.3,
        ("5", "RaDialog", "grounded"): 3.11,
        ("6", "Phrase grounding alone", "phrase"): 64.6,
    }
    for (number, model, name), value in printed.items():
        rows = [r for r in table(number).rows if r.model == model and r.by == "radvlm"]
        assert [r.values[name] for r in rows] == [value]


@pytest.mark.parametrize(
    ("number", "column", "key"),
    [
        ("3", "rouge_l", f"report/{RougeL.key},refs=raw"),
        ("3", "bertscore", "report/bertscore/distilbert-base-uncased,layer=5,rescaled,refs=raw"),
        ("3", "bertscore", "report/bertscore_distilbert,refs=raw"),
        ("3", "radgraph", "report/radgraph_f1/radgraph-xl,partial,mean-over-reports,refs=raw"),
        ("4", "anatomy", f"anatomical_grounding/{PaperMap50.key}"),
        ("5", "standard", f"conversation/{judge_key('gpt-4o-2024-11-20')}"),
        ("6", "labels", f"classification/{KeywordMacro13().key}"),
    ],
)
def test_a_figure_finds_its_column(number: str, column: str, key: str) -> None:
    (found,) = [c for c in table(number).columns if c.name == column]
    assert found.takes(key, "any")
    others = [c for c in table(number).columns if c.takes(key, "any") and c.name != column]
    assert not [c for c in others if c.mixture == "*"]


def test_a_comparable_published_row_stands_in_the_table_and_marks_are_over_all() -> None:
    ours = [result("a", of(ROUGE, 0.26)), result("b", of(ROUGE, 0.25))]
    filled = fill(table("3"), ours)
    assert row(filled, "RadVLM")["ROUGE-L"] == "25.4"
    assert row(filled, "RadVLM")["BERTScore"] == "–"  # nothing of ours to stand beside
    marks = {r.model: r.cells[1].mark for r in filled.rows if r.cells[1].mark}
    # Qwen3-VL's best published ROUGE-L are 30.0 and 29.9.
    assert marks == {"RadVLM thinking + RL": "best", "RadVLM + RL": "second"}
    apart = {b.model: dict(b.figures) for b in filled.below if b.source == "radvlm"}
    assert apart["RadVLM"] == {"BERTScore": "51.9", "RadGraph F1": "18.2", "GREEN": "27.7"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (result("a", of(ROUGE, 0.26), mixture="mine"), "another test set"),
        (result("a", of(ROUGE, 0.26, n=100)), "3,314 answers"),
        (result("a", of(ROUGE.replace("released", "rules@12"), 0.26)), "another writer"),
    ],
)
def test_what_differs_keeps_published_rows_out(changed: Result, reason: str) -> None:
    filled = fill(table("3"), [changed])
    assert [r.model for r in filled.rows] == ["a"]
    radvlm = next(b for b in filled.below if b.model == "RadVLM")
    assert ("ROUGE-L", "25.4") in radvlm.figures
    assert any(reason in why for why in radvlm.reasons)


def test_another_judge_s_score_is_another_figure() -> None:
    basis = Basis(mixture="m", key="conversation/judge/*gpt-4o*")
    assert basis.differs("m", 5, "conversation/judge/llama,0-10") == "another metric or judge"
    assert basis.differs("m", 5, "conversation/judge/gpt-4o,0-10") == ""


def test_nothing_is_marked_where_figures_are_not_of_one_kind() -> None:
    mixed = [result("a", of(ROUGE, 0.3), data="d0"), result("b", of(ROUGE, 0.2), data="d1")]
    filled = fill(table("3"), mixed)
    assert {c.mark for r in filled.rows for c in r.cells} == {""}


def test_two_test_sets_of_one_column_are_two_rows_and_contamination_is_said() -> None:
    key = f"anatomical_grounding/{PaperMap50.key}"
    sets = [
        result("a", of(key, 0.8, 2000), mixture="test_imagenome_paper", seen=1900),
        result("a", of(key, 0.7, 2000), mixture="test_imagenome_regions", data="d1"),
    ]
    filled = fill(table("4"), sets)
    mine = [r.cells[0] for r in filled.rows if r.model == "a"]
    assert [cell.text for cell in mine] == ["80.0", "70.0"]
    assert mine[0].note == "contaminated: 1,900 of 3,314" and not mine[1].note


def test_padchest_has_a_column_of_its_own() -> None:
    key = f"phrase_grounding/{PaperMap50.key}"
    filled = fill(table("4"), [result("a", of(key, 0.5), mixture="test_padchest_phrases")])
    assert [cell.text for cell in filled.rows[0].cells] == ["–", "–", "–", "50.0"]


def test_what_was_not_run_says_so_and_failures_are_counted() -> None:
    missing = Score("report/radgraph_partial,refs=raw", None, None, 9, 0, 0, "not run: weights")
    filled = fill(table("3"), [result("a", missing, of(ROUGE, 0.2, failed=7))])
    assert row(filled, "a")["RadGraph F1"] == "not run"
    assert any("n = 3,314, 7 failed (a)" in note for note in filled.footnotes)


def test_formats_hold_the_same_numbers() -> None:
    filled = fill(table("3"), [result("my|model_x", of(ROUGE, 0.99))])
    assert "| my\\|model_x | – | **99.0 [98.0, 100.0]** |" in as_markdown(filled)
    latex = as_latex(filled)
    assert r"my|model\_x & -- & \textbf{99.0 [98.0, 100.0]}" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    lines = list(csv.DictReader(io.StringIO(as_csv(filled))))
    (mine,) = [line for line in lines if line["model"] == "my|model_x"]
    assert (mine["value"], mine["low"], mine["mark"]) == ("99.0", "98.0", "best")
    apart = [line for line in lines if "not comparable" in line["note"]]
    assert all(line["source"] == "published, not re-run" for line in apart)
    assert as_plain(filled)["rows"][0]["cells"][1]["value"] == pytest.approx(99.0)


def test_table_1_explains_each_difference() -> None:
    planned = {
        "name": "report", "source": "mimic_cxr", "kept": 95, "repeat": 2, "examples": 190,
        "published": 100, "why": {"unreadable": 5}, "waiting": None,
    }  # fmt: skip
    filled = table_1([{"mixture": "paper", "plan": [planned]}])
    cells = [cell.text for cell in filled.rows[0].cells]
    assert cells == ["mimic_cxr", "95", "2", "190", "100", "-5 (5 unreadable)"]


def test_test_sets_of_published_figures_have_recipes() -> None:
    named = {c.published.mixture for t in literature().tables for c in t.columns}
    built = {
        yaml.safe_load(path.read_text())["name"]: path.stem for path in RECIPES.glob("test_*.yaml")
    }
    assert named <= built.keys()
    assert all(fnmatchcase(name, "test_*") for name in named)
