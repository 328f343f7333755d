"""RadCliQ-v1: how many errors a radiologist would count, predicted from four figures of a report.

Yu 2023. A linear model of RadGraph F1 (entities and relations averaged, the first RadGraph),
BERTScore (distilroberta, rescaled), the cosine of CheXbert's vectors, and BLEU-2 (which has no
weight to speak of). Lower is better; 1 / mean is ReXrank's figure. Figures with RadGraph-XL are on
another scale. The numbers are those of ``radcliq-v1.pkl`` in CXR-Report-Metric (commit 8495627),
read from its bytes without unpickling.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from radvlm.metrics import chexbert, radgraph_model
from radvlm.metrics.bertscore import RexrankBertScore
from radvlm.metrics.bleu import Bleu2
from radvlm.metrics.graph_cache import GraphCache, default_path
from radvlm.metrics.radgraph_reward import entity_relation
from radvlm.metrics.sample_mean import Floats, SampleMean

# Of RadGraph F1, BERTScore, cosine, BLEU-2: mean and deviation of the 160 reports it was fitted on.
MEAN = np.array([0.5379231241355762, 0.6175725628125001, 0.7647942121140658, 0.44738335396242174])
SCALE = np.array([0.3028258411486429, 0.22430938459304575, 0.2539439110169773, 0.2989271671041838])
WEIGHT = np.array(
    [-0.37708368261038905, -0.37030009974480316, -0.25261621789593225, 4.315048405024756e-12]
)
INTERCEPT = 2.466552561323256e-10

CHUNK = 512
"""Reports whose graphs and vectors are held at a time."""


class RadCliqV1(SampleMean):
    """The mean RadCliQ-v1; lower is better.

    An answer that cannot be scored has 3, as in RadVLM-GRPO's reward (2.45 is the figure of a
    report that has nothing in common with its reference).
    """

    key = "radcliq_v1/radgraph,lower-is-better"
    worst = 3.0

    def __init__(self) -> None:
        self._bertscore = RexrankBertScore()
        self._chexbert = chexbert.load()
        self._radgraph = radgraph_model.load("radgraph")

    def values(self, said: Sequence[str], wanted: Sequence[str]) -> Floats:
        """RadCliQ-v1 of each answer [n]."""
        spaced = [[re.sub(" +", " ", text) for text in texts] for texts in (said, wanted)]
        parts = [
            self._networks(said[start : start + CHUNK], wanted[start : start + CHUNK])
            for start in range(0, len(said), CHUNK)
        ]
        graphs, vectors = np.concatenate(parts, axis=1)
        return radcliq_v1(
            graphs, self._bertscore.values(*spaced), vectors, Bleu2().values(said, wanted)
        )

    def _networks(self, said: Sequence[str], wanted: Sequence[str]) -> Floats:
        """RadGraph F1 and the cosine of CheXbert's vectors, [2, n]."""
        model = self._radgraph
        known = GraphCache(default_path(), model.revision, model.graphs).graphs(wanted)
        pairs = zip(model.graphs(said), known, strict=True)
        vectors = [self._chexbert.embeddings(texts).astype(np.float64) for texts in (said, wanted)]
        return np.stack(([entity_relation(*pair) for pair in pairs], cosine(*vectors)))


def radcliq_v1(radgraph: Floats, bertscore: Floats, cosine: Floats, bleu: Floats) -> Floats:
    """The composition of the four figures of each report, all [n]."""
    figures = np.stack((radgraph, bertscore, cosine, bleu), axis=1)
    return np.asarray((figures - MEAN) / SCALE @ WEIGHT + INTERCEPT)


def cosine(first: Floats, second: Floats) -> Floats:
    """The cosine of each row with the other's [n]; 0 where either is all zeros."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    found: Floats = np.zeros(len(products), dtype=np.float64)
    np.divide(products, lengths, out=found, where=lengths > 0)
    return found
