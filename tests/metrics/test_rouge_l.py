from __future__ import annotations

import numpy as np
import pytest

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
    ],
)
def test_by_hand(said: str, wanted: str, expected: float) -> None:
    rows = RougeL().rows([Answer(said)], [Answer(wanted)])
    assert rows[0].tolist() == pytest.approx([expected, 1])


def test_the_mean_counts_unreadable_answers_as_zero() -> None:
    answers = [Answer("edema"), Answer("edema", readable=False)]
    rows = RougeL().rows(answers, [Answer("edema")] * 2)
    assert RougeL().reduce(rows, np.array([[1.0, 1.0], [3.0, 1.0]])).tolist() == [0.5, 0.75]
