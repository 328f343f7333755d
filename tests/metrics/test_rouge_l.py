from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from radvlm.metrics.rouge_l import RougeL
from radvlm.records import Answer


@pytest.mark.parametrize(
    ("said", "wanted", "expected"),
    [
        # Longest common subsequence 3 of 4 and 3 of 3 words: 2 · 3 / (4 + 3).
        ("the heart is enlarged", "heart is enlarged", 6 / 7),
        # Stemming makes "effusions" and "effusion" one word; case and punctuation do not count.
        ("Effusions.", "effusion", 1.0),
        ("edema then nodule", "nodule then edema", 1 / 3),
        ("", "edema", 0.0),
        ("\udcff edema", "edema", 1.0),
    ],
)
def test_by_hand(said: str, wanted: str, expected: float) -> None:
    rows = RougeL().rows([Answer(said)], [Answer(wanted)])
    assert rows[0].tolist() == pytest.approx([expected, 1])


report = st.lists(
    st.sampled_from(
        [
            "no",
            "new",
            "opacities",
            "opacity,",
            "Effusion.",
            "effusions",
            "are",
            "is",
            "the",
            "1.5",
            "cm",
            "—",
        ]
    ),
    max_size=90,
).map(" ".join)


@settings(max_examples=60)
@given(said=report, wanted=report)
def test_equal_to_the_package_of_the_paper(said: str, wanted: str) -> None:
    peer = RougeScorer(["rougeL"], use_stemmer=True).score(wanted, said)["rougeL"].fmeasure
    ours = RougeL().rows([Answer(said)], [Answer(wanted)])[0, 0]
    assert ours == pytest.approx(peer, abs=1e-12)


def test_an_answer_of_a_megabyte_is_scored_in_seconds() -> None:
    start = time.process_time()
    rows = RougeL().rows([Answer("edema " * 180_000)], [Answer("mild edema " * 60)])
    assert time.process_time() - start < 10
    assert rows[0, 0] == pytest.approx(2 * 60 / (180_000 + 120))


def test_the_mean_counts_unreadable_answers_as_zero() -> None:
    answers = [Answer("edema"), Answer("edema", readable=False)]
    rows = RougeL().rows(answers, [Answer("edema")] * 2)
    assert RougeL().reduce(rows, np.array([[1.0, 1.0], [3.0, 1.0]])).tolist() == [0.5, 0.75]
