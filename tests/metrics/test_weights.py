from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from radvlm.metrics.weights import ROOT, WEIGHTS, WeightsMissing, missing


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(ROOT, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_everything_missing_is_named_with_where_and_how_it_is_had() -> None:
    rows = missing()
    assert {row.what for row in rows} == set(WEIGHTS)
    for row in rows:
        assert row.where in row.how and f"${ROOT}/{row.what}" in row.how
    with pytest.raises(WeightsMissing) as caught:
        WEIGHTS["chexbert"].folder()
    assert "chexbert: not run: weights missing. Download chexbert.pth" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_below_the_root_counts_once_it_is_complete(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(ROOT, str(tmp_path))
    weights = WEIGHTS["radgraph-xl"]
    for file in weights.files:
        with pytest.raises(WeightsMissing):
            weights.folder()
        (tmp_path / weights.name / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / weights.name / file).touch()
    assert weights.folder() == tmp_path / "radgraph-xl"
    assert "radgraph-xl" not in {row.what for row in missing()}


def test_what_the_hub_has_fetched_before_is_found(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--StanfordAIMI--RRG_scorers"
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "chexbert.pth").touch()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert WEIGHTS["chexbert"].folder() == snapshot


def test_importing_metrics_loads_no_network_library() -> None:
    names = sorted(Path(__file__).parents[2].joinpath("src/radvlm/metrics").glob("*.py"))
    modules = [f"radvlm.metrics.{path.stem}" for path in names if path.stem != "__init__"]
    code = (
        f"import sys, {', '.join(modules)}\nprint({{'torch', 'transformers'}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
