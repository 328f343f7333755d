from __future__ import annotations

import logging

import numpy as np
import pytest

from radvlm.metrics.bleu import Bleu2, Bleu4
from radvlm.metrics.rouge_l import RougeL
from radvlm.metrics.sample_mean import Floats, SampleMean
from radvlm.metrics.texts import MOST_CHARACTERS, faults, mended
from radvlm.protocols import Metric
from radvlm.records import Answer

BAD = [
    Answer(""),
    Answer(" \n"),
    Answer("x" * 1_000_000),
    Answer("edema \udc80"),
    Answer("edema"),
    Answer("edema", readable=False),
]


class Length(SampleMean):
    key = "length"
    worst = -1.0

    def values(self, said: list[str], wanted: list[str]) -> Floats:  # type: ignore[override]  # narrower on purpose
        for text in said + wanted:
            text.encode()  # raises where a surrogate was left
        return np.array([len(text) for text in said], dtype=np.float64)


def test_every_fault_is_named_and_counted() -> None:
    assert faults(BAD) == {"empty": 2, f"over {MOST_CHARACTERS} characters": 1, "not UTF-8 text": 1}


def test_what_cannot_be_scored_has_the_worst_figure(caplog: pytest.LogCaptureFixture) -> None:
    targets = [Answer("edema")] * 6 + [Answer("")]
    with caplog.at_level(logging.WARNING):
        rows = Length().rows([*BAD, Answer("edema")], targets)
    assert rows[:, 0].tolist() == [-1, -1, -1, 7, 5, -1, -1]
    assert rows[:, 1].tolist() == [1] * 7
    assert "length: 2 × answer empty" in caplog.text
    assert "length: 1 × reference empty" in caplog.text
    assert "edema" not in caplog.text


def test_mending_leaves_text_as_it_is() -> None:
    assert mended("Herz größer – 1,5 × 😀") == "Herz größer – 1,5 × 😀"
    assert mended("a\ud800b") == "a\ufffdb"


@pytest.mark.parametrize("metric", [RougeL(), Bleu4(), Bleu2()], ids=lambda metric: metric.key)
def test_text_metrics_take_any_answer_and_any_reference(metric: Metric) -> None:
    for target in BAD:
        rows = metric.rows(BAD, [target] * len(BAD))
        figures = metric.reduce(rows, np.vstack([np.eye(len(BAD)), np.ones(len(BAD))]))
        assert rows.shape[0] == len(BAD)
        assert ((figures >= 0) & (figures <= 1)).all()
