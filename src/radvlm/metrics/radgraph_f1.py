"""RadGraph F1 of reports: entities and relations that answer and reference share.

Delbrouck 2022 and 2024, with the RadGraph-XL weights; the mean over reports, at one of three levels
(``radgraph_reward``). The RadVLM paper gives ``partial`` (§4.1). Figures of the older weights, of
another level or of entities and relations averaged must not be compared with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, get_args

import numpy as np

from radvlm.metrics.graph_cache import GraphCache, default_path
from radvlm.metrics.radgraph_model import RadGraphModel, load
from radvlm.metrics.radgraph_reward import Level, reward
from radvlm.metrics.remembered import Last
from radvlm.metrics.sample_mean import Floats, SampleMean

LEVELS: tuple[Level, ...] = get_args(Level)

CHUNK = 512
"""Reports whose graphs are held at a time, so that memory does not grow with their number."""

_LAST: Last[Floats] = Last()
"""The levels are asked for one by one."""


class RadGraphSimple(SampleMean):
    """RadGraph F1 of words and labels."""

    level: ClassVar[Level] = "simple"

    def __init__(self) -> None:
        self.key = f"radgraph_f1/radgraph-xl,{self.level},mean-over-reports"
        self._model = load("radgraph-xl")

    def values(self, said: Sequence[str], wanted: Sequence[str]) -> Floats:
        """F1 of each answer [n], 0…1."""
        model = self._model
        found = _LAST.of(model.revision, (*said, *wanted), lambda: rewards(model, said, wanted))
        return found[:, LEVELS.index(self.level)]


class RadGraphPartial(RadGraphSimple):
    """RadGraph F1 of words, labels and whether a relation starts there (the RadVLM paper's)."""

    level = "partial"


class RadGraphComplete(RadGraphSimple):
    """RadGraph F1 of words, labels, relations and what they lead to."""

    level = "complete"


def rewards(model: RadGraphModel, said: Sequence[str], wanted: Sequence[str]) -> Floats:
    """F1 at each of ``LEVELS`` [n, 3]; graphs of references are looked up before they are made."""
    cache = GraphCache(default_path(), model.revision, model.graphs)
    values = np.empty((len(said), len(LEVELS)))
    for start in range(0, len(said), CHUNK):
        part = slice(start, start + CHUNK)
        answers = list(dict.fromkeys(said[part]))
        graphs = dict(zip(answers, model.graphs(answers), strict=True))
        pairs = zip(said[part], cache.graphs(wanted[part]), strict=True)
        values[part] = [[reward(graphs[a], graph, level) for level in LEVELS] for a, graph in pairs]
    return values
