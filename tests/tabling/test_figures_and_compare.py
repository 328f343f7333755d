"""Label bars against scikit-learn, grids, and the page that compares models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from browse_cases import SCRIPT, make
from fake_evaluation import register
from radvlm.cli import app
from radvlm.errors import InputError, TableError
from radvlm.evaluate.answers import Item
from radvlm.evaluate.browse_data import Evaluation, open_evaluation
from radvlm.evaluate.score import measured
from radvlm.metrics.label_f1 import LabelMacro13
from radvlm.records import Answer, Status
from radvlm.registry import TABLES
from radvlm.tabling.compare_page import p_text, write_compare_page
from radvlm.tabling.comparison import check_same, compare_all
from radvlm.tabling.figures import draw_label_bars, drawn_items, grounding_grid, label_bars
from radvlm.tabling.results import read_results
from radvlm.vocabulary import CHEXPERT_13


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    before = dict(TABLES["tasks"])
    register()
    yield make(tmp_path_factory.mktemp("compare"))
    TABLES["tasks"].clear()
    TABLES["tasks"].update(before)


@pytest.fixture(scope="module")
def better(folder: Path) -> Path:
    """The same evaluation by a model that answers everything as the reference does."""
    copy = folder.with_name("better")
    shutil.copytree(folder, copy)
    return copy


def labelled(answers: list[set[str]], targets: list[set[str]], found: Evaluation) -> Evaluation:
    """An evaluation of classification with these labels present."""
    example = replace(found.examples[0], task="classification")
    items = [
        Item(replace(example, patient=f"p{k}"), 0, ("?",), _answer(said), _answer(wanted))
        for k, (said, wanted) in enumerate(zip(answers, targets, strict=True))
    ]
    return replace(found, measured=[measured("classification", LabelMacro13(), items)])


def _answer(present: set[str]) -> Answer:
    labels: dict[str, Status] = {n: "present" if n in present else "absent" for n in CHEXPERT_13}
    return Answer(", ".join(sorted(present)), labels=labels)


def test_bars_are_scikit_learn_s_f1_of_each_label(folder: Path) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.random((2, 40, 13)) < 0.3
    sets = [[{n for n, on in zip(CHEXPERT_13, row, strict=True) if on} for row in t] for t in drawn]
    found = label_bars(labelled(sets[0], sets[1], open_evaluation(folder, "trained")), samples=50)
    assert found is not None
    wanted = f1_score(drawn[1], drawn[0], average=None, zero_division=0)
    assert [bar.value for bar in found.bars] == pytest.approx(wanted.tolist())
    assert [bar.support for bar in found.bars] == drawn[1].sum(0).tolist()
    assert found.macro == pytest.approx(wanted.mean())
    assert all(b.interval and b.interval[0] <= b.value <= b.interval[1] for b in found.bars)
    axes = draw_label_bars([found, found]).axes[0]
    heights = [patch.get_height() for patch in axes.patches]  # type: ignore[attr-defined]  # bars
    assert heights[:13] == pytest.approx((100 * wanted).tolist())


def test_no_bars_without_labels(folder: Path) -> None:
    assert label_bars(open_evaluation(folder, "trained")) is None


def test_a_grid_holds_every_picture(folder: Path) -> None:
    found = open_evaluation(folder, "trained")
    drawn = drawn_items(found, "fake_boxes", 5, seed=0)
    assert all(item.target.boxes for item, _ in drawn)
    sheet = grounding_grid(drawn, columns=3)
    # Patient 2's image is missing and passed over. Pictures of 100 × 200 pixels are
    # enlarged to 160 × 320: three across, two down, gaps of 6.
    assert sheet.size == (3 * 160 + 12, 2 * 320 + 6)


def test_a_model_does_not_differ_from_itself(folder: Path, better: Path) -> None:
    rows = compare_all([open_evaluation(f, "trained") for f in (folder, better)], samples=100)
    assert rows and all(row.differences[0] is not None for row in rows)
    for row in rows:
        (one,) = row.differences
        assert one is not None and one.found.difference == 0
        assert one.verdict == "cannot be told" and one.p == 1


def test_the_sign_is_of_the_other_model(folder: Path) -> None:
    found = open_evaluation(folder, "trained")
    none = [set[str]()] * 40
    everything = [{CHEXPERT_13[0]}] * 40
    right, wrong = labelled(everything, everything, found), labelled(none, everything, found)
    score = {"key": right.measured[0].key, "value": 0.5, "interval": None, "n_total": 40,
             "n_scored": 40, "n_failed": 0}  # fmt: skip
    pair = [replace(one, entry={**one.entry, "scores": [score]}) for one in (wrong, right)]
    (row,) = compare_all(pair, samples=200)
    (one,) = row.differences
    assert one is not None and one.found.difference == pytest.approx(1 / 13)
    assert one.verdict == "higher" and one.p is not None and one.p < 0.01


def test_other_examples_cannot_be_compared(folder: Path) -> None:
    found = open_evaluation(folder, "trained")
    other = replace(found, head={**found.head, "data": "elsewhere"})
    with pytest.raises(InputError, match="same examples"):
        check_same([found, other])
    with pytest.raises(InputError, match="one model"):
        check_same([found])


def test_the_page_shows_text_and_never_markup(folder: Path, better: Path, tmp_path: Path) -> None:
    pair = [open_evaluation(f, "trained") for f in (folder, better)]
    write_compare_page(pair, tmp_path / "page.html", samples=20)
    text = (tmp_path / "page.html").read_text()
    assert "research use only" in text.lower() and "<script" not in text
    assert SCRIPT not in text and "data:image/jpeg" in text


@pytest.mark.usefixtures("folder")
def test_private_data_leaves_pictures_out(tmp_path: Path) -> None:
    place = make(tmp_path / "private", access="credentialed")
    pair = [open_evaluation(place, "trained")] * 2
    write_compare_page(pair, tmp_path / "page.html", samples=20)
    text = (tmp_path / "page.html").read_text()
    assert "data:image" not in text and "Pictures and conversations are not shown" in text


def test_folders_that_hold_nothing_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="holds no scores"):
        read_results([tmp_path])
    with pytest.raises(TableError, match=r"blind.*It holds: trained"):
        read_results([folder], ["blind"])


def test_a_protocol_s_folder_gives_its_sets(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "one")
    (tmp_path / "protocol.json").write_text(json.dumps({"sets": {"one": "one"}}))
    (found,) = read_results([tmp_path]).results
    assert found.model == "fake@r0" and found.folder == tmp_path / "one"


def test_the_verbs(folder: Path, better: Path, tmp_path: Path) -> None:
    run = CliRunner()
    shown = run.invoke(app, ["tables", str(folder), "--format", "csv"])
    assert shown.exit_code == 0 and "not comparable because" in shown.stdout
    written = run.invoke(app, ["tables", str(folder), "--out", str(tmp_path / "t"), "--json"])
    names = {Path(path).name for path in json.loads(written.stdout)}
    assert {"table_3.md", "table_3.tex", "table_3.csv", "table_6.md"} <= names
    refused = run.invoke(app, ["compare", str(tmp_path)])
    assert isinstance(refused.exception, InputError) and "--recipe" in str(refused.exception)


@pytest.mark.parametrize(
    ("p", "text"), [(None, "–"), (0.0002, "< 0.001"), (0.0123, "0.012"), (0.5, "0.50")]
)
def test_p_is_written_with_the_digits_that_matter(p: float | None, text: str) -> None:
    assert p_text(p) == text
