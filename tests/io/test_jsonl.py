from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.errors import TableError
from radvlm.io.jsonl import (
    JsonlLog,
    keep_lines,
    prediction_from_json,
    prediction_to_json,
    score_from_json,
    score_to_json,
)
from radvlm.records import Prediction, Reply, Score

finite = st.floats(allow_nan=False, allow_infinity=False)
replies = st.builds(
    Reply,
    text=st.text(max_size=5),
    tokens=st.integers(0, 999),
    finish=st.sampled_from(["stop", "length", "error"]),
    seconds=finite,
    token_logprobs=st.none() | st.lists(finite, max_size=3).map(tuple),
)
predictions = st.builds(
    Prediction,
    *[st.text(max_size=3), st.integers(0, 9), *[st.text(max_size=3)] * 3],
    replies=st.lists(replies, max_size=2).map(tuple),
    error=st.none() | st.text(max_size=3),
)
scores = st.builds(
    Score,
    st.text(max_size=3),
    st.none() | finite,
    st.none() | st.tuples(finite, finite),
    *[st.integers(0, 99)] * 3,
)


@given(predictions)
def test_predictions_come_back_exactly(prediction: Prediction) -> None:
    assert (
        prediction_from_json(json.loads(json.dumps(prediction_to_json(prediction)))) == prediction
    )


@given(scores)
def test_scores_come_back_exactly(score: Score) -> None:
    assert score_from_json(json.loads(json.dumps(score_to_json(score)))) == score


def test_foreign_records_are_refused() -> None:
    with pytest.raises(TableError):
        prediction_from_json({"example": "a"})
    with pytest.raises(TableError):
        score_from_json({"key": "a"})


def test_records_are_read_back_while_the_log_is_open(tmp_path: Path) -> None:
    with JsonlLog(tmp_path / "new" / "log.jsonl", batch=10) as log:
        assert list(log) == []
        log.append({"text": "line\nbreak \u2028 \ud800"})
        assert list(log) == [{"text": "line\nbreak \u2028 \ud800"}]


@pytest.mark.parametrize("torn", [b"{", b'{"n": 2}', b'{"text": "' + b"x" * 200_000])
def test_a_torn_last_line_is_dropped_and_then_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n": 1}\n' + torn)
    assert list(JsonlLog(path)) == [{"n": 1}]
    with JsonlLog(path) as log:
        log.append({"n": 3})
    assert path.read_bytes() == b'{"n": 1}\n{"n": 3}\n'


@pytest.mark.parametrize("broken", [b"{torn", b"[1]", b"\xff", b""])
def test_any_other_broken_line_is_named(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n": 1}\n' + broken + b'\n{"n": 3}\n')
    with pytest.raises(TableError, match="line 2"):
        list(JsonlLog(path))


def test_what_is_no_json_is_refused_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonlLog(path) as log:
        with pytest.raises(TableError, match="not JSON"):
            log.append({"n": float("nan")})
        log.append({"n": 1})
    assert path.read_bytes() == b'{"n": 1}\n'


def test_an_appended_record_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    program = (
        "import os, signal, pathlib\n"
        "from radvlm.io.jsonl import JsonlLog\n"
        f"log = JsonlLog(pathlib.Path({str(path)!r}))\n"
        "for n in range(5): log.append({'n': n})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    assert [record["n"] for record in JsonlLog(path)] == [0, 1, 2, 3, 4]


def test_a_file_is_cut_back_to_its_first_lines(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    keep_lines(path, 3)
    assert not path.exists()
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    keep_lines(path, 9)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st\n'
    keep_lines(path, 2)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'
    keep_lines(path, 0)
    assert path.read_text() == "" and list(tmp_path.iterdir()) == [path]
