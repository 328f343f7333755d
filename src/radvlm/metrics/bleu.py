"""BLEU of reports (Papineni 2002): matching runs of 1…N words, against one reference.

Two protocols that must not be compared: ``Bleu4`` pools the counts of the whole corpus, as papers
on report generation give it; ``Bleu2`` is the mean over answers of ReXrank and RadCliQ. Both use
the words of CXR-Report-Metric: lower case, full stops apart, cut at spaces. Counts are as in NLTK,
where a text shorter than N words still has one N-word run, which matches nothing.

Corpus BLEU has no worst row: a failed answer is an empty one, and a long wrong answer can cost
more than it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radvlm.metrics.counts import ratio
from radvlm.metrics.sample_mean import SampleMean
from radvlm.protocols import Rows
from radvlm.records import Answer

Floats = NDArray[np.float64]

EPSILON = 0.1
"""What stands for no match at all in BLEU of one text (NLTK's smoothing method 1)."""


class Bleu4:
    """Rows [n, 10]: matches of 1…4 words, runs of 1…4 words said, words said, words wanted."""

    key = "bleu4/corpus,unsmoothed,lower-case"

    def rows(self, answers: Sequence[Answer], targets: Sequence[Answer]) -> Rows:
        """The counts of each answer; an unreadable one has said nothing."""
        return _counts(
            [answer.text if answer.readable else "" for answer in answers],
            [target.text for target in targets],
            4,
        )

    def reduce(self, rows: Rows, weights: Floats) -> Floats:
        """BLEU-4 0…1 of the pooled counts [B]; NaN where all weights are 0."""
        totals = weights @ rows
        return np.where(weights.sum(axis=1) > 0, _bleu(totals, 0.0), np.nan)


class Bleu2(SampleMean):
    """The mean over answers of BLEU-2 with no match counted as 0.1 (ReXrank's, RadCliQ's)."""

    key = "bleu2/sentence-mean,smoothed-0.1,lower-case"

    def values(self, said: Sequence[str], wanted: Sequence[str]) -> Floats:
        """BLEU-2 0…1 of each answer; 0 where not a single word matches."""
        return _bleu(_counts(said, wanted, 2), EPSILON)


def words(text: str) -> list[str]:
    """Lower case, full stops apart, cut at spaces of any kind."""
    return text.lower().replace(".", " .").split()


def _counts(said: Sequence[str], wanted: Sequence[str], most: int) -> Rows:
    """Rows [n, 2·most + 2]: matches, runs said, and the two lengths in words."""
    rows = np.zeros((len(wanted), 2 * most + 2), dtype=np.float64)
    for row, answer, target in zip(rows, said, wanted, strict=True):
        ours, theirs = words(answer), words(target)
        for n in range(1, most + 1):
            runs, reference = _runs(ours, n), _runs(theirs, n)
            row[n - 1] = sum(min(count, reference[run]) for run, count in runs.items())
            row[most + n - 1] = max(1, len(ours) - n + 1)
        row[-2:] = len(ours), len(theirs)
    return rows


def _runs(tokens: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def _bleu(counts: Floats, epsilon: float) -> Floats:
    """BLEU of counts [m, 2·N + 2], [m]; 0 where no word matches at all."""
    most = (counts.shape[1] - 2) // 2
    matched, runs, said, wanted = np.split(counts, [most, 2 * most, 2 * most + 1], axis=1)
    precision = ratio(np.where(matched > 0, matched, epsilon), runs)
    with np.errstate(divide="ignore", invalid="ignore"):
        brevity = np.exp(np.minimum(0, 1 - wanted[:, 0] / said[:, 0]))
        score = brevity * np.exp(np.log(precision).mean(axis=1))
    return np.where(matched[:, 0] > 0, score, 0.0)
