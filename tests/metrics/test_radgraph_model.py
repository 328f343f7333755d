from __future__ import annotations

import os
import stat
import tracemalloc
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from benchmarks.random_weights import SENTENCES, TINY, radgraph_package, write_radgraph

from radvlm.errors import InputError
from radvlm.metrics import graph_cache, radgraph_f1
from radvlm.metrics.graph_cache import GraphCache
from radvlm.metrics.radgraph_f1 import RadGraphComplete, RadGraphPartial, RadGraphSimple
from radvlm.metrics.radgraph_model import RadGraphModel, load
from radvlm.metrics.radgraph_reward import Graph, Level
from radvlm.metrics.weights import ROOT, WeightsMissing, missing
from radvlm.records import Answer

TEXTS = [
    *SENTENCES,
    " ".join(SENTENCES),
    " ".join(SENTENCES[:4]),
    "Seen /. and 1.5 cm, 20%).\nNo \u200d change.",
    # More word pieces than the encoder takes at once.
    "cardiomediastinal pneumomediastinum " * 45,
    "x" * 300 + " opacity",
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("weights")
    write_radgraph(root, TINY, 32, entities=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOT, str(root))
        patch.setenv("RADVLM_CACHE", str(root / "cache"))
        load.cache_clear()
        yield root
    load.cache_clear()


@pytest.fixture(scope="module")
def model(weights: Path) -> RadGraphModel:
    return load("radgraph-xl")


@pytest.fixture(scope="module")
def packages(weights: Path) -> list[dict[str, Any]]:
    with radgraph_package(weights) as package:
        graphs = package(list(TEXTS))
    return [graphs[str(index)] for index in range(len(TEXTS))]


def test_graphs_are_the_packages_in_any_company(
    model: RadGraphModel, packages: list[dict[str, Any]]
) -> None:
    together = model.graphs(TEXTS)
    alone = [model.graphs([text])[0] for text in TEXTS]
    for ours, single, theirs in zip(together, alone, packages, strict=True):
        assert ours["text"] == theirs["text"]
        assert ours["entities"] == single["entities"] == theirs["entities"]
    entities = [entity for graph in packages for entity in graph["entities"].values()]
    assert len({entity["label"] for entity in entities}) > 2
    assert sum(len(entity["relations"]) for entity in entities) > 100


def test_a_text_without_words_has_no_entities(model: RadGraphModel) -> None:
    assert [graph["entities"] for graph in model.graphs(["", " \n"])] == [{}] * 2
    assert model.graphs([]) == []


@pytest.mark.parametrize("metric", [RadGraphSimple, RadGraphPartial, RadGraphComplete])
def test_the_figure_is_the_packages_reward_of_its_own_graphs(
    weights: Path, packages: list[dict[str, Any]], metric: type[RadGraphSimple]
) -> None:
    from radgraph.rewards import compute_reward

    pairs = [(0, 1), (5, 5), (5, 6), (6, 5), (7, 8), (9, 9)]
    answers = [*(Answer(TEXTS[a]) for a, _ in pairs), Answer(""), Answer("x", readable=False)]
    targets = [*(Answer(TEXTS[b]) for _, b in pairs), Answer("Effusion"), Answer("Effusion")]
    rows = metric().rows(answers, targets)
    peer = [compute_reward(packages[a], packages[b], metric.level) for a, b in pairs]
    assert rows[:, 0] == pytest.approx([*peer, 0, 0], abs=1e-6)
    assert metric().reduce(rows, np.ones((1, 8)))[0] == pytest.approx(sum(peer) / 8)
    assert len({round(value, 6) for value in peer}) > 2


def test_references_are_read_once_and_kept_in_private(
    weights: Path, model: RadGraphModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADVLM_CACHE", str(weights / "once"))
    read: list[str] = []
    graphs = RadGraphModel.graphs

    def counted(self: RadGraphModel, texts: list[str]) -> list[Any]:
        read.extend(texts)
        return graphs(self, texts)

    monkeypatch.setattr(RadGraphModel, "graphs", counted)
    first = radgraph_f1.rewards(model, ["edema"] * 3, [*SENTENCES[:2], SENTENCES[0]])
    assert sorted(read) == sorted(["edema", *SENTENCES[:2]])
    read.clear()
    assert (
        radgraph_f1.rewards(model, ["edema"] * 3, [*SENTENCES[:2], SENTENCES[0]]) == first
    ).all()
    assert read == ["edema"]
    path = graph_cache.default_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_graphs_of_other_weights_are_not_mistaken(tmp_path: Path) -> None:
    path = tmp_path / "graphs.sqlite"
    for revision in ("one", "two", "one"):
        cache = GraphCache(path, revision, partial(_called, revision))
        assert cache.graphs(["edema"])[0]["text"] == revision


def _called(text: str, texts: Sequence[str]) -> list[Graph]:
    return [{"entities": {}, "text": text} for _ in texts]


def test_a_damaged_cache_is_named(tmp_path: Path) -> None:
    path = tmp_path / "graphs.sqlite"
    path.write_bytes(os.urandom(4096))
    with pytest.raises(InputError, match="Delete the file"):
        GraphCache(path, "r", lambda texts: [{} for _ in texts]).graphs(["edema"])


def test_memory_does_not_grow_with_the_log(
    weights: Path, model: RadGraphModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = {"entities": {str(i): {"tokens": "w" * 50, "label": "", "relations": []}
                          for i in range(60)}}  # fmt: skip
    monkeypatch.setattr(
        RadGraphModel, "graphs", lambda self, texts: [{**graph, "text": text} for text in texts]
    )
    monkeypatch.setattr(radgraph_f1, "CHUNK", 50)
    peaks = []
    for count in (200, 2000):
        texts = [f"report {count} {index}" for index in range(count)]
        tracemalloc.start()
        radgraph_f1.rewards(model, texts, texts)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_wrong_or_missing_weights_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROOT, str(tmp_path))
    load.cache_clear()
    with pytest.raises(WeightsMissing, match=r"radgraph-xl: not run: weights missing\. Unpack"):
        RadGraphSimple()
    assert {row.metric for row in missing()} >= {f"radgraph_{level}" for level in get_args(Level)}
    write_radgraph(tmp_path, TINY, 32)
    (tmp_path / "radgraph-xl" / "weights.th").write_bytes(b"cut off")
    with pytest.raises(InputError, match="not the weights of radgraph-xl"):
        RadGraphSimple()
    load.cache_clear()
