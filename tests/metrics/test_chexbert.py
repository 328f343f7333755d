from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.random_weights import SENTENCES, TINY, bert_config, write_chexbert
from sklearn.metrics import classification_report
from transformers import BertModel, BertTokenizer

from radvlm.errors import InputError
from radvlm.metrics.chexbert import OBSERVATIONS, CheXbert, load
from radvlm.metrics.chexbert_f1 import (
    FIVE,
    CheXbertMacro5,
    CheXbertMacro14,
    CheXbertMicro5,
    CheXbertMicro14,
)
from radvlm.metrics.weights import ROOT, WeightsMissing
from radvlm.records import Answer

Peer = Callable[[Sequence[str]], list[list[int]]]

TEXTS = [*SENTENCES, " ".join(SENTENCES), "Effusion.\n\n Edema?", "rib fracture " * 400]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("weights")
    write_chexbert(root, TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOT, str(root))
        load.cache_clear()
        yield root
    load.cache_clear()


@pytest.fixture(scope="module")
def model(weights: Path) -> CheXbert:
    return load()


@pytest.fixture(scope="module")
def package(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """``f1chexbert``'s own network with the same file: the status of each text, read alone.

    The package's tokenizing function needs a method that transformers 5 has taken away.
    """
    from f1chexbert.f1chexbert import bert_labeler

    folder = tmp_path_factory.mktemp("bert")
    BertModel(bert_config(TINY)).save_pretrained(folder)
    network = bert_labeler(pretrain_path=str(folder)).eval()
    state = torch.load(weights / "chexbert" / "chexbert.pth")["model_state_dict"]
    network.load_state_dict({key.replace("module.", ""): value for key, value in state.items()})
    tokenizer = BertTokenizer.from_pretrained(weights / "bert-base-uncased")

    def statuses(texts: Sequence[str]) -> list[list[int]]:
        found = []
        for text in texts:
            words = tokenizer.tokenize(" ".join(text.split()))[:510]
            ids = tokenizer.convert_tokens_to_ids(["[CLS]", *words, "[SEP]"])
            outputs = network(torch.tensor([ids]), torch.ones(1, len(ids)))
            found.append([int(output.argmax()) for output in outputs])
        return found

    return statuses


def test_statuses_are_those_of_the_packages_network(model: CheXbert, package: Peer) -> None:
    expected = package(TEXTS)
    assert model.statuses(TEXTS).tolist() == expected
    assert model.statuses(TEXTS[::-1]).tolist() == expected[::-1]
    assert len({status for row in expected for status in row}) > 2


@pytest.mark.parametrize(
    ("metric", "names", "average"),
    [
        (CheXbertMicro14, OBSERVATIONS, "micro avg"),
        (CheXbertMacro14, OBSERVATIONS, "macro avg"),
        (CheXbertMicro5, FIVE, "micro avg"),
        (CheXbertMacro5, FIVE, "macro avg"),
    ],
)
def test_the_figure_is_the_packages(
    weights: Path,
    package: Peer,
    metric: type[CheXbertMicro14],
    names: tuple[str, ...],
    average: str,
) -> None:
    said, wanted = TEXTS[:-1], TEXTS[1:]
    columns = [OBSERVATIONS.index(name) for name in names]
    labels = [np.isin(package(texts), (1, 3))[:, columns].astype(int) for texts in (wanted, said)]
    peer = classification_report(*labels, output_dict=True, zero_division=0)[average]["f1-score"]
    rows = metric().rows([*map(Answer, said)], [*map(Answer, wanted)])
    assert metric().reduce(rows, np.ones((1, len(said))))[0] == pytest.approx(peer, abs=1e-6)


def test_failed_answers_have_every_observation_wrong(weights: Path) -> None:
    bad = [Answer(readable=False), Answer(""), Answer("x" * 20_000)]
    metric = CheXbertMicro14()
    rows = metric.rows(bad, [Answer(TEXTS[0])] * 3)
    true, false, missed = (rows[:, at:-1:3].sum(axis=1).tolist() for at in range(3))
    assert true == [0] * 3
    assert [a + b for a, b in zip(false, missed, strict=True)] == [14] * 3
    assert metric.reduce(rows, np.ones((1, 3)))[0] == 0
    assert np.isnan(metric.reduce(metric.rows([], []), np.ones((1, 0))))[0]


def test_wrong_or_missing_weights_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROOT, str(tmp_path))
    load.cache_clear()
    with pytest.raises(WeightsMissing, match="not run: weights missing"):
        load()
    write_chexbert(tmp_path, TINY)
    torch.save({"model_state_dict": {}}, tmp_path / "chexbert" / "chexbert.pth")
    with pytest.raises(InputError, match="not CheXbert's weights"):
        load()
    load.cache_clear()
