"""The demo's quick preset as a person runs it: from nothing, interrupted, and once more."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radvlm.demo.figures import HEADLINES
from radvlm.registry import TABLES

DEMO = [sys.executable, "-c", "from radvlm.cli import main; main()", "demo", "--preset", "quick"]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo stopped with Ctrl-C during training, then run to its end."""
    out = tmp_path_factory.mktemp("demo") / "out"
    process = subprocess.Popen(
        [*DEMO, "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with Ctrl-C ignored, and so would be all they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    log = out / "model" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "goes on from here" in said
    assert not (out / "model" / "checkpoint").exists()
    ended = subprocess.run(
        [*DEMO, "--out", str(out), "--json"], capture_output=True, text=True, timeout=240
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["page"].endswith("report.html")
    return out


def test_a_stage_finished_before_the_interruption_is_not_done_again(interrupted: Path) -> None:
    seconds = json.loads((interrupted / "stages.json").read_text())["seconds"]
    assert next(iter(seconds)) == "Simulating radiographs" and len(seconds) == 4


def test_every_task_has_every_column_with_counts(interrupted: Path) -> None:
    saved = json.loads((interrupted / "evaluation" / "scores.json").read_text())["conditions"]
    assert set(saved) == {"untrained", "blind", "majority", "trained"}
    for condition in saved.values():
        tasks = {score["key"].split("/")[0] for score in condition["scores"]}
        assert tasks == set(TABLES["tasks"]) == set(HEADLINES)
        for score in condition["scores"]:
            assert score["n_total"] == score["n_scored"] + score["n_failed"] > 0


def test_the_page_says_first_that_the_model_is_a_toy(interrupted: Path) -> None:
    page = (interrupted / "report.html").read_text(encoding="utf-8")
    body = page[page.index("<body") :]
    assert body.index("toy, trained on simulated images") < body.index("<h1")
    assert "esearch use only" in body


def test_another_recipe_in_the_same_folder_is_refused(interrupted: Path) -> None:
    ended = subprocess.run(
        [*DEMO[:-1], "full", "--out", str(interrupted)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2 and "another recipe" in ended.stderr
