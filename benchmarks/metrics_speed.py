"""How long reports' metrics take, and that they agree with their peers in the same process.

    python -m benchmarks.metrics_speed [--pairs 3314] [--blocks 6] [--threads 2]

Writes ``results/metrics_speed.json``: seconds for ROUGE-L and BLEU of as many pairs as the RadVLM
paper's test set has (of about 60 words), the largest difference from ``rouge-score`` and NLTK, and
how many times faster than the ``radgraph`` package's loop RadGraph F1 is: a network of the
published shape with random weights, reports of about 200 characters as the paper's are, references
unknown and known. Ratios are the median over blocks of 16 pairs, each timed by both, with a 95 %
bootstrap interval.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nltk.translate.bleu_score import corpus_bleu
from rouge_score.rouge_scorer import RougeScorer

from benchmarks.random_weights import BASE, SENTENCES, radgraph_package, write_radgraph
from benchmarks.results_file import write_result
from radvlm.metrics.bleu import Bleu2, Bleu4, words
from radvlm.metrics.radgraph_f1 import LEVELS, rewards
from radvlm.metrics.radgraph_model import RadGraphModel, load
from radvlm.metrics.rouge_l import RougeL
from radvlm.metrics.weights import ROOT
from radvlm.records import Answer

BLOCK = 16
"""Pairs of reports that both programs read in turn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3314)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rng = random.Random(0)
    figures = text_metrics([reports(rng, 60) for _ in range(arguments.pairs)])
    with tempfile.TemporaryDirectory() as folder:
        write_radgraph(Path(folder), BASE)
        os.environ[ROOT] = os.environ["RADVLM_CACHE"] = folder
        blocks = [[reports(rng, 30) for _ in range(BLOCK)] for _ in range(arguments.blocks)]
        figures |= radgraph(Path(folder), blocks)
    options = f"--pairs {arguments.pairs} --blocks {arguments.blocks} --threads {arguments.threads}"
    command = f"python -m benchmarks.metrics_speed {options}"
    print(write_result("metrics_speed", command, arguments.pairs, figures))


def reports(rng: random.Random, length: int) -> tuple[str, str]:
    """Two reports of about as many words, the second a rewording of the first; no two alike."""
    vocabulary = " ".join(SENTENCES).split()
    first = [word for _ in range(length // 8) for word in rng.choice(SENTENCES).split()]
    second = [word if rng.random() < 0.8 else rng.choice(vocabulary) for word in first]
    return " ".join(first) + f" {rng.randint(1, 999)} mm.", " ".join(second)


def text_metrics(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Seconds of the text metrics together, and their largest differences from the peers."""
    answers, targets = [Answer(a) for a, _ in pairs], [Answer(b) for _, b in pairs]
    start = time.perf_counter()
    rouge, bleu, _ = (metric.rows(answers, targets) for metric in (RougeL(), Bleu4(), Bleu2()))
    seconds = time.perf_counter() - start
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    some = pairs[:200]
    peers = [scorer.score(wanted, said)["rougeL"].fmeasure for said, wanted in some]
    peer = corpus_bleu([[words(wanted)] for _, wanted in pairs], [words(said) for said, _ in pairs])
    ours = Bleu4().reduce(bleu, np.ones((1, len(pairs))))[0]
    return {
        "rouge_l_and_bleu_seconds": round(seconds, 2),
        "rouge_l_largest_difference": float(np.abs(rouge[:200, 0] - peers).max()),
        "bleu4_difference": abs(float(ours) - float(peer)),
    }


def radgraph(folder: Path, blocks: list[list[tuple[str, str]]]) -> dict[str, Any]:
    """How often the package's time is ours, with references unknown and known."""
    from radgraph.rewards import compute_reward

    model = load("radgraph-xl")
    fresh, known, seconds, differences = [], [], [], []
    with radgraph_package(folder) as package, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns of every short report

        def loop(pairs: list[tuple[str, str]]) -> list[list[float]]:
            graphs = package([a for a, _ in pairs] + [b for _, b in pairs])
            halves = [(graphs[str(i)], graphs[str(i + len(pairs))]) for i in range(len(pairs))]
            return [[compute_reward(*pair, level) for level in LEVELS] for pair in halves]

        for warm_up in (loop, lambda pairs: _ours(model, pairs)):
            warm_up(blocks[0][:2])
        for pairs in blocks[1:] + blocks[:1]:
            peer, theirs = _timed(loop, pairs)
            Path(folder, "reference_graphs.sqlite").unlink(missing_ok=True)
            values, ours = _timed(lambda p: _ours(model, p), pairs)
            _, again = _timed(lambda p: _ours(model, p), pairs)
            differences.append(float(np.abs(np.array(peer) - values).max()))
            fresh.append(theirs / ours)
            known.append(theirs / again)
            seconds.append(ours / len(pairs))
    return {
        "radgraph_seconds_a_pair": _median(seconds),
        "radgraph_times_faster": _median(fresh),
        "radgraph_times_faster_references_known": _median(known),
        "radgraph_largest_difference": max(differences),
    }


def _ours(model: RadGraphModel, pairs: list[tuple[str, str]]) -> Any:
    return rewards(model, [a for a, _ in pairs], [b for _, b in pairs])


def _timed(work: Callable[[Any], Any], given: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    return work(given), time.perf_counter() - start


def _median(values: list[float]) -> dict[str, Any]:
    drawn = np.random.default_rng(0).choice(values, (2000, len(values)))
    bounds = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return {
        "value": round(float(np.median(values)), 3),
        "interval": [round(float(bound), 3) for bound in bounds],
    }


if __name__ == "__main__":
    main()
