"""The page of a training run: its figures, its boxes, whose eyes it is for."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from radvlm.errors import TableError
from radvlm.inspecting import inspect
from radvlm.inspecting.training_content import training_content
from radvlm.inspecting.training_page import write_training_page
from radvlm.train.run import train

sys.path.insert(0, str(Path(__file__).parents[1] / "train"))
from families import recipe_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = recipe_of(
        tmp_path_factory.mktemp("page"), "llava_onevision", "out", samples=2, save_every=2
    )
    train(recipe)
    path = recipe.out / "samples.json"
    found = json.loads(path.read_text())
    # Replies with known boxes, and one that tries to be markup.
    found["rounds"][-1]["replies"] = ["here [0.25, 0.50, 0.75, 1.00]", "<script>alert(1)</script>"]
    path.write_text(json.dumps(found))
    return recipe.out


def test_boxes_of_the_last_reply_are_solid_and_the_references_dashed(run: Path) -> None:
    content = training_content(run)
    first, second = content.cards
    solid = [mark for mark in first.marks if mark.style != "true"]
    assert [mark.place for mark in solid] == ["left:25.00%;top:50.00%;width:50.00%;height:50.00%"]
    for card in (first, second):
        # Each reference answer holds one box, [0.1, 0.2, 0.5, 0.75].
        dashed = [mark for mark in card.marks if mark.style == "true"]
        assert [mark.words for mark in dashed] == ["0.10, 0.20, 0.50, 0.75"]
        assert [step for step, _ in card.replies] == ["step 4", "step 2"]


def test_a_reply_is_text_and_the_page_holds_no_script(run: Path) -> None:
    page = write_training_page(run)
    text = page.read_text()
    assert "<script" not in text and "&lt;script&gt;alert(1)" in text
    assert "default-src 'none'" in text and "http" not in text.split("</style>")[1].split("<svg")[0]
    assert "Research use only, not for diagnosis" in text
    losses = [json.loads(line)["loss"] for line in (run / "metrics.jsonl").open()]
    assert f"from {losses[0]:.2f}" in text


def test_a_page_of_closed_data_is_for_its_owner_alone(run: Path) -> None:
    path = run / "summary.json"
    plain = json.loads(path.read_text())
    path.write_text(json.dumps({**plain, "access": "credentialed"}))
    page = write_training_page(run, run / "closed.html")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "may not be shared" in page.read_text()
    path.write_text(json.dumps(plain))
    assert "may not be shared" not in write_training_page(run).read_text()


def test_inspect_knows_a_run(run: Path, tmp_path: Path) -> None:
    facts = inspect(run)
    assert facts["kind"] == "training run" and facts["steps"] == 4
    with pytest.raises(TableError, match="no run that has ended"):
        write_training_page(tmp_path)
