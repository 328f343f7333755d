"""Does the fact judge agree with what answers were made to be?

    python -m benchmarks.judge_agreement [--patients 150]

Conversations about simulated patients are answered in five ways: right (the reference), partly
right (every other answer withheld), on the wrong side (right and left exchanged, boxes mirrored),
negated, and with the answers of another patient's conversation. Of the last three only the answers
that this changes are judged. The judge's share of points is set against the order right > partly
right > the other three. Intervals are 95 %, by patient. Writes ``results/judge_agreement.json`` and
``judge.md``.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.results_file import cell, write_result
from radvlm.curate.conversations.compose import compose
from radvlm.io.files import read_json
from radvlm.metrics.fact_judge import FactJudge
from radvlm.metrics.resampling import interval, patient_weights
from radvlm.records import Answer, Box, Dialogue, Part, Turn
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.source import PhantomSource
from radvlm.tasks.asking import frontal_views
from radvlm.tasks.facts import read_turn
from radvlm.tasks.wording import plain

WORTH = {"right": 2, "partly right": 1, "wrong side": 0, "negated": 0, "unrelated": 0}
Parts = tuple[Part, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=150)
    patients = parser.parse_args().patients
    with tempfile.TemporaryDirectory() as folder:
        make_cohort(PhantomConfig(patients=patients, size=64), Path(folder) / "cohort", 1)
        talks = list(conversations(Path(folder) / "cohort"))
    figures = measure(talks)
    command = f"python -m benchmarks.judge_agreement --patients {patients}"
    path = write_result("judge_agreement", command, len(talks), figures)
    (Path(__file__).parent / "judge.md").write_text(page(path), encoding="utf-8")
    print(path)


def conversations(cohort: Path) -> Iterator[tuple[str, Dialogue]]:
    """(patient, dialogue) of every frontal view, with and without boxes in turn."""
    for number, study in enumerate(PhantomSource(cohort).studies()):
        for view in frontal_views(study):
            rng = random.Random(f"{study.id}|{view.id}")
            dialogue = compose(study, view, rng, bool(number % 2))
            if dialogue is not None:
                yield study.patient or study.id, dialogue


def measure(talks: Sequence[tuple[str, Dialogue]]) -> dict[str, Any]:
    """Mean share of points by quality, and how well the order of qualities is found."""
    scores: dict[str, list[float]] = {quality: [] for quality in WORTH}
    for index, (_, dialogue) in enumerate(talks):
        stranger = talks[(index + 1) % len(talks)][1]
        for quality in WORTH:
            replies = planted(dialogue, quality, stranger)
            scores[quality].append(points(dialogue, replies, changed_alone=not WORTH[quality]))
    table = np.array([scores[quality] for quality in WORTH])
    # A conversation in which, say, no side is named cannot be answered on the wrong one.
    whole = ~np.isnan(table).any(axis=0)
    table = table[:, whole]
    patients = [patient for (patient, _), kept in zip(talks, whole, strict=True) if kept]
    weights = patient_weights(patients, 1000, 0)
    every = np.ones((1, len(patients)))
    agreement = lambda w: np.array([_correlation(table, row) for row in w])  # noqa: E731
    ordered = _ordered(table)
    return {
        "conversations": len(patients),
        "shares": {q: _figure(lambda w, k=k: w @ table[k] / w.sum(1), weights, every)
                   for k, q in enumerate(WORTH)},
        "spearman": _figure(agreement, weights[:200], every),
        "pairs_in_order": _figure(lambda w: w @ ordered / w.sum(1), weights, every),
    }  # fmt: skip


def planted(dialogue: Dialogue, quality: str, stranger: Dialogue) -> list[Parts]:
    """The replies of a conversation made as good as asked for."""
    replies = [turn.parts for turn in dialogue.turns if turn.role == "assistant"]
    if quality == "partly right":
        return [parts if k % 2 else ("I am not sure.",) for k, parts in enumerate(replies)]
    if quality == "wrong side":
        return [tuple(map(_mirrored, parts)) for parts in replies]
    if quality == "negated":
        return [_negated(parts) for parts in replies]
    if quality == "unrelated":
        others = [turn.parts for turn in stranger.turns if turn.role == "assistant"]
        return [others[(k + 1) % len(others)] for k in range(len(replies))]
    return replies


def points(dialogue: Dialogue, replies: Sequence[Parts], changed_alone: bool) -> float:
    """The judge's share of points over the conversation; NaN where no answer is judged."""
    answers: list[Answer] = []
    targets: list[Answer] = []
    for (question, turn), reply in zip(_rounds(dialogue.turns), replies, strict=True):
        if turn.target is not None and not (changed_alone and reply == turn.parts):
            answers.append(read_turn(reply, question.parts))
            targets.append(turn.target)
    if not answers:
        return float("nan")
    rows = FactJudge().rows(answers, targets)
    return float(FactJudge().reduce(rows, np.ones((1, len(rows))))[0])


def _rounds(turns: Sequence[Turn]) -> Iterator[tuple[Turn, Turn]]:
    yield from zip(turns[::2], turns[1::2], strict=True)


def _mirrored(part: Part) -> Part:
    if not isinstance(part, str):
        return tuple(Box(1 - box.x2, box.y1, 1 - box.x1, box.y2) for box in part)
    swapped = {"right": "left", "left": "right", "PA": "AP", "AP": "PA"}
    return re.sub(r"\b(right|left|PA|AP)\b", lambda m: swapped[m[0]], part)


def _negated(parts: Parts) -> Parts:
    words = plain(parts)
    if re.match(r"\W*yes\b", words, re.I):
        return ("No.",)
    if re.match(r"\W*no\b", words, re.I):
        return ("Yes, it is there.",)
    return ("No, nothing of that is there.",)


def _ordered(table: Any) -> Any:
    """Of each conversation, the share of pairs of unlike worth that the scores put in order."""
    worth = list(WORTH.values())
    pairs = [(a, b) for a in range(len(worth)) for b in range(len(worth)) if worth[a] > worth[b]]
    return np.mean([table[a] > table[b] for a, b in pairs], axis=0)


def _correlation(table: Any, weights: Any) -> float:
    counts = weights.astype(int)
    repeated = np.repeat(table, counts, axis=1)
    worth = np.repeat(np.array(list(WORTH.values()))[:, None], repeated.shape[1], axis=1)
    return float(spearmanr(worth.ravel(), repeated.ravel()).statistic)


def _figure(of: Any, weights: Any, every: Any) -> dict[str, Any]:
    bounds = interval(of(weights)) or (0.0, 1.0)
    return {"value": round(float(of(every)[0]), 4), "interval": [round(b, 4) for b in bounds]}


def page(path: Path) -> str:
    result = read_json(path)
    figures = result["figures"]
    rows = "".join(f"| {name} | {cell(one)} |\n" for name, one in figures["shares"].items())
    return f"""# The fact judge and answers of known quality

Command: `{result["command"]}` at commit {result["commit"]};
{figures["conversations"]} of {result["n"]} conversations about simulated patients, those that can
be spoilt in each way. Research use only, not for diagnosis.

| answers are | share of points |
| --- | ---: |
{rows}
Rank correlation of points with worth (right, partly right, wrong): {cell(figures["spearman"])}.
Pairs of answers of unlike worth that the points put in order: {cell(figures["pairs_in_order"])}.
"""


if __name__ == "__main__":
    main()
