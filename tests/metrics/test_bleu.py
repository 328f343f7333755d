from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, corpus_bleu, sentence_bleu

from radvlm.metrics.bleu import Bleu2, Bleu4, words
from radvlm.records import Answer

report = st.lists(
    st.sampled_from(
        ["no", "New", "acute", "opacity", "effusion.", "edema", "the", "heart", "is", "Normal."]
    ),
    min_size=1,
    max_size=40,
).map(" ".join)
pairs = st.lists(st.tuples(report, report), min_size=1, max_size=6)


def both(pairs: list[tuple[str, str]]) -> tuple[list[Answer], list[Answer]]:
    return [Answer(said) for said, _ in pairs], [Answer(wanted) for _, wanted in pairs]


def test_by_hand() -> None:
    # 5 words against 5, four in place: matches 4, 3, 2, 1 of 5, 4, 3, 2 runs.
    answers, targets = both([("the heart is normal today", "the heart is normal now")])
    rows = Bleu4().rows(answers, targets)
    assert rows[0].tolist() == [4, 3, 2, 1, 5, 4, 3, 2, 5, 5]
    assert Bleu4().reduce(rows, np.ones((1, 1)))[0] == pytest.approx(
        (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    )


@settings(max_examples=60)
@given(pairs=pairs, repeats=st.integers(1, 3))
def test_corpus_bleu_is_nltks_and_weights_repeat_answers(
    pairs: list[tuple[str, str]], repeats: int
) -> None:
    said, wanted = [words(a) for a, _ in pairs], [[words(t)] for _, t in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NLTK warns that no run of four words matches
        peer = corpus_bleu([*wanted, *[wanted[0]] * repeats], [*said, *[said[0]] * repeats])
    weights = np.ones((1, len(pairs)))
    weights[0, 0] += repeats
    ours = Bleu4().reduce(Bleu4().rows(*both(pairs)), weights)[0]
    assert ours == pytest.approx(peer, abs=1e-9)


@settings(max_examples=60)
@given(pairs=pairs)
def test_the_mean_over_answers_is_nltks(pairs: list[tuple[str, str]]) -> None:
    smooth = SmoothingFunction().method1
    peer = [
        sentence_bleu([words(t)], words(a), (0.5, 0.5), smoothing_function=smooth) for a, t in pairs
    ]
    assert Bleu2().rows(*both(pairs))[:, 0] == pytest.approx(peer, abs=1e-9)


def test_failed_and_empty_answers_are_counted() -> None:
    good = Answer("the heart is normal")
    for failed in (Answer("the heart is normal", readable=False), Answer("")):
        rows = Bleu4().rows([good, failed], [good, good])
        # Every word said is right, half of those wanted were said: exp(1 − 8 / 4).  NLTK gives the
        # empty text one run of each length, which matches nothing.
        runs = (4 / 5) * (3 / 4) * (2 / 3) * (1 / 2)
        assert Bleu4().reduce(rows, np.ones((1, 2)))[0] == pytest.approx(np.exp(-1) * runs**0.25)
        assert Bleu2().reduce(Bleu2().rows([good, failed], [good, good]), np.ones((1, 2)))[0] == 0.5
    assert Bleu4().reduce(Bleu4().rows([failed], [good]), np.ones((1, 1)))[0] == 0


def test_nothing_is_undefined() -> None:
    assert np.isnan(Bleu4().reduce(Bleu4().rows([], []), np.ones((1, 0))))[0]
