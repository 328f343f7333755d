"""Logs as they come back from real life: everything odd is counted, and nothing ends the run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from radvlm.errors import TableError
from radvlm.evaluate.answers import read_answers
from radvlm.evaluate.log import read_predictions
from radvlm.evaluate.oddities import oddities
from radvlm.evaluate.score import score
from radvlm.protocols import Task
from radvlm.records import Answer, Example, Turn, View
from radvlm.tasks.phrase_grounding import PhraseGrounding
from radvlm.tasks.report import Report

VIEW = View("v", "v.png", "PA", 100, 100)
TASKS: dict[str, Task] = {"report": Report(), "phrase_grounding": PhraseGrounding()}


def example(number: int, task: str, target: Answer) -> Example:
    turns = (Turn("user", ("q",)), Turn("assistant", ("a",), target))
    names = (f"e{number}", task, "s", "f", f"p{number}", "test", "open")
    return Example(*names, (VIEW,), turns)  # type: ignore[arg-type]  # names are in order


REPORTS = [example(k, "report", Answer("No effusion is seen today.")) for k in range(5)]
BOXES = [
    replace(example(10 + k, "phrase_grounding", Answer("x")), turns=turns)
    for k, turns in enumerate(
        [(Turn("user", ("Where is the edema?",)), Turn("assistant", ("x",), Answer("x")))] * 2
    )
]
EXAMPLES = [*REPORTS, *BOXES]


def line(name: str, text: str) -> str:
    reply = {"text": text, "tokens": 1, "finish": "stop", "seconds": 0.0, "token_logprobs": None}
    said = {"example": name, "sample": 0, "model": "m", "revision": "r", "codec": "radvlm_01",
            "replies": [reply], "error": None}  # fmt: skip
    return json.dumps({"run": {"model": "m"}, "asked": "", "prediction": said}) + "\n"


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines), encoding="utf-8")
    return path


def counted(path: Path) -> dict[str, int]:
    items = read_answers(EXAMPLES, read_predictions(path), TASKS)
    return oddities(path, EXAMPLES, items)


def test_each_oddity_is_counted_and_the_rest_scored(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log.jsonl",
        line("e0", "No effusion is seen today."),
        line("e1", ""),
        line("e2", "effusion " * 120_000),
        line("e3", "No effusion \ud800 today."),
        line("e4", "first"),
        line("e4", "No effusion is seen today."),
        line("nobody", "an answer to nothing"),
        line("e10", "[nan, nan, nan, nan]"),
        line("e11", "[0.5, 0.5, 0.2, 0.9]"),
        line("e12", "torn")[:-20],
    )
    found = counted(path)
    assert found == {
        "torn line": 1,
        "unknown example": 1,
        "said twice": 1,
        "no answer": 2,  # the empty report, and the box that is not a number
        "mended": 2,  # the box without numbers is left out, swapped corners are ordered
        "over 10000 characters": 1,
        "not UTF-8 text": 1,
    }
    scores = score(EXAMPLES, read_predictions(path), TASKS, bootstrap=20)
    rouge = next(s for s in scores if "rouge_l" in s.key)
    assert rouge.n_total == 5 and rouge.value is not None
    assert rouge.value >= 2 / 5  # e0 and the last word on e4 are right


def test_a_clean_log_has_none(tmp_path: Path) -> None:
    lines = [line(e.id, "No effusion is seen today.") for e in REPORTS]
    items = read_answers(REPORTS, read_predictions(write(tmp_path / "log", *lines)), TASKS)
    assert oddities(tmp_path / "log", REPORTS, items) == {}


@pytest.mark.parametrize("bad", [b"\xff\xfe not text\n", b"{}\n", b"[1]\n", b'{"run": 1}\n'])
def test_a_broken_line_in_the_middle_is_named(tmp_path: Path, bad: Any) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(line("e0", "x").encode() + bad + line("e1", "x").encode())
    with pytest.raises(TableError, match="2"):
        read_predictions(path)
