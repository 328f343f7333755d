"""ROUGE-L of free text against its reference: the mean of each answer's F-measure.

Lin 2004, as computed by Google's ``rouge-score`` with the Porter stemmer (the RadVLM paper's
setting, §4.1); stemmed and unstemmed figures must not be compared, so the key says which. The
words are that package's; the common subsequence is found 64 places at a time (Hyyrö 2004), so that
an answer of a megabyte costs neither minutes nor a table of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from nltk.stem.porter import PorterStemmer
from numpy.typing import NDArray
from rouge_score.tokenize import tokenize

from radvlm.metrics.counts import mean
from radvlm.protocols import Rows
from radvlm.records import Answer


class RougeL:
    """Rows [n, 2]: the answer's F-measure 0…1 and the count 1; an unreadable answer has (0, 1)."""

    key = "rouge_l/stemmed-f1"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """One (F-measure, 1) an answer, of ``answer.text`` against ``target.text``."""
        stemmer = _Stemmer()
        values = [
            _f_measure(tokenize(target.text, stemmer), tokenize(answer.text, stemmer))
            if answer.readable
            else 0.0
            for answer, target in zip(answers, targets, strict=True)
        ]
        return np.array([(value, 1.0) for value in values], dtype=np.float64).reshape(-1, 2)

    def reduce(self, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The weighted mean F-measure [B]; NaN where all weights are 0."""
        return mean(rows, weights)


class _Stemmer:
    """The Porter stemmer with a memory of the words it has met."""

    def __init__(self) -> None:
        self.stem = lru_cache(maxsize=50_000)(PorterStemmer().stem)


def _f_measure(wanted: list[str], said: list[str]) -> float:
    return 2 * _common(wanted, said) / (len(wanted) + len(said)) if wanted and said else 0.0


def _common(first: list[str], second: list[str]) -> int:
    """The length of the longest common subsequence: the zeros left in ``row``, a bit a word."""
    short, long = sorted((first, second), key=len)
    places: dict[str, int] = {}
    for index, word in enumerate(short):
        places[word] = places.get(word, 0) | 1 << index
    every = (1 << len(short)) - 1
    row = every
    for word in long:
        shared = row & places.get(word, 0)
        row = ((row + shared) | (row - shared)) & every
    return len(short) - row.bit_count()
