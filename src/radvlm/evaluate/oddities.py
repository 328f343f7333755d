"""What is odd about a log and its answers, counted, so that nothing odd passes in silence.

Nothing here changes a figure: unknown examples are not asked for, of two answers to one example the
last counts, what cannot be read is the metric's worst row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radvlm.evaluate.answers import Item
from radvlm.evaluate.references import COMPARED_WITH_TEXT
from radvlm.io.jsonl import JsonlLog
from radvlm.metrics.texts import faults
from radvlm.records import Example


def oddities(log: Path, examples: Sequence[Example], items: Sequence[Item]) -> dict[str, int]:
    """How many of each kind; kinds that do not occur are left out.

    ``torn line``: the last line of the log is cut off. ``unknown example``: answers to what is not
    asked here. ``said twice``: answers of the same run that a later one replaces. ``mended``:
    answers whose boxes were spelled otherwise than their convention. Then the faults of reports.
    """
    known = {example.id for example in examples}
    lines = list(JsonlLog(log))
    run = lines[-1]["run"] if lines else None
    said = [_asked(line["prediction"]) for line in lines if line["run"] == run]
    answers = [item.answer for item in items]
    found = {
        "torn line": int(log.stat().st_size > 0 and not log.read_bytes().endswith(b"\n")),
        "unknown example": sum(example not in known for example, _ in set(said)),
        "said twice": len(said) - len(set(said)),
        "no answer": sum(not answer.readable for answer in answers),
        "mended": sum(answer.mended for answer in answers),
        **faults([item.answer for item in items if item.example.task in COMPARED_WITH_TEXT]),
    }
    return {name: count for name, count in found.items() if count}


def _asked(prediction: dict[str, str]) -> tuple[str, str]:
    return prediction["example"], prediction["sample"]
