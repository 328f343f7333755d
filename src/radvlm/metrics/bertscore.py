"""BERTScore: how well each token of a report is matched in the other, by a language model.

Zhang 2020, computed by ``bert-score``. The figure depends on the model, its layer and whether it is
rescaled by the English baseline, so the key says all three: distilbert-base-uncased at layer 5,
rescaled, is the RadVLM paper's (§4.1); distilroberta-base at layer 5, rescaled, is ReXrank's and
RadCliQ's. Neither weighs tokens by their rarity (no idf).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from radvlm.errors import InputError
from radvlm.metrics.sample_mean import Floats, SampleMean
from radvlm.metrics.weights import WEIGHTS

BATCH = 64
"""Texts that are encoded at a time."""


class BertScore(SampleMean):
    """The mean F of BERTScore with the model in a folder.

    Args:
        model: a Hugging Face folder of weights and tokenizer.
        name: what the model is called, for the key.
        layer: the layer whose output is compared, counted from 1.
        baseline: the row of raw (precision, recall, F) of unrelated English sentences that the
            figure is rescaled by, or none for the raw figure.

    An answer that cannot be scored has the figure ``bert-score`` defines for an empty text, raw 0
    (with transformers 5 the package itself fails on one).
    """

    def __init__(self, model: Path, name: str, layer: int, baseline: Path | None = None) -> None:
        scale = "raw" if baseline is None else "rescaled"
        self.key = f"bertscore/{name},layer={layer},{scale}"
        self._scorer = _scorer(model, layer, baseline)
        self.worst = self._zero()

    def values(self, said: Sequence[str], wanted: Sequence[str]) -> Floats:
        """F of each answer's text [n]; about 0…1 raw, below 0 possible where rescaled."""
        _, _, f = self._scorer.score(list(said), list(wanted), batch_size=BATCH)
        return np.asarray(f, dtype=np.float64)

    def _zero(self) -> float:
        """What a raw F of 0 becomes."""
        if not self._scorer.rescale_with_baseline:
            return 0.0
        base = float(self._scorer.baseline_vals[-1])
        return -base / (1 - base)


class PaperBertScore(BertScore):
    """The RadVLM paper's: distilbert-base-uncased, layer 5, rescaled."""

    def __init__(self) -> None:
        name = "distilbert-base-uncased"
        super().__init__(WEIGHTS[name].folder(), name, 5, baseline(name))


class RexrankBertScore(BertScore):
    """ReXrank's: distilroberta-base, layer 5, rescaled."""

    def __init__(self) -> None:
        name = "distilroberta-base"
        super().__init__(WEIGHTS[name].folder(), name, 5, baseline(name))


def baseline(name: str) -> Path:
    """The table of English baselines that ``bert-score`` ships for a model, one row a layer."""
    import bert_score

    return Path(bert_score.__file__).parent / "rescale_baseline" / "en" / f"{name}.tsv"


@lru_cache(maxsize=2)
def _scorer(model: Path, layer: int, baseline: Path | None) -> Any:
    """The package's scorer; two figures of one process share a model."""
    from bert_score import BERTScorer

    if "t5" in str(model):
        # The package tells T5 by these letters anywhere in the path.
        raise InputError("bert-score takes it for a T5 model", model, "Move it to another folder")
    return BERTScorer(
        model_type=str(model),
        num_layers=layer,
        lang="en",
        rescale_with_baseline=baseline is not None,
        baseline_path=None if baseline is None else str(baseline),
    )
