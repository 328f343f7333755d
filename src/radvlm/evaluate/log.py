"""The log of a model's predictions: one line each, with what was asked and how it was decoded.

A line is the prediction (``io.jsonl``) under ``prediction``, beside ``run`` (model, revision,
codec, decoding, condition) and ``asked`` (digest of the questions and the views shown). A line
stands for an example only where all of these agree, so a changed model, data set or setting is
never mistaken for work already done. The file may hold what a report would, so only its owner can
read it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from radvlm.errors import TableError
from radvlm.io.files import atomic_path
from radvlm.io.jsonl import JsonlLog, prediction_from_json, prediction_to_json
from radvlm.protocols import Decoding, ModelInfo
from radvlm.records import Example, Prediction, View


def run_of(
    info: ModelInfo, decoding: Decoding, condition: str, label_odds: bool = False
) -> dict[str, Any]:
    """What makes two predictions comparable: model, revision, codec, decoding and condition."""
    return {
        "model": info.name,
        "revision": info.revision,
        "codec": info.codec,
        "decoding": asdict(decoding) | ({"label_odds": True} if label_odds else {}),
        "condition": condition,
    }


def asked(example: Example, views: Sequence[View]) -> str:
    """Digest of the questions in order and the ids of the views shown."""
    questions = [turn.parts for turn in example.turns if turn.role != "assistant"]
    return hashlib.sha256(repr((questions, [v.id for v in views])).encode()).hexdigest()[:16]


class PredictionLog:
    """The predictions of one run, in a file that may also hold earlier, different runs."""

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._run = run
        self._log = JsonlLog(path)
        self._done = {_key(line) for line in _lines(self._log, path) if line["run"] == run}

    def holds(self, example: Example, views: Sequence[View]) -> bool:
        """Whether this run has answered the example as it now stands."""
        return (example.id, 0, asked(example, views)) in self._done

    def append(self, example: Example, views: Sequence[View], prediction: Prediction) -> None:
        """Write one prediction; it is on disk when this returns."""
        line = {
            "run": self._run,
            "asked": asked(example, views),
            "prediction": prediction_to_json(prediction),
        }
        self._log.append(line)
        self._done.add(_key(line))

    def close(self) -> None:
        """Close the file."""
        self._log.close()


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """A whole log of predictions that no model made, in place of any that is there."""
    run = {"condition": "majority"}
    lines = [
        {"run": run, "asked": "", "prediction": prediction_to_json(prediction)}
        for prediction in predictions
    ]
    with atomic_path(path, private=True) as aside:
        aside.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def read_predictions(path: Path) -> list[Prediction]:
    """The predictions of the run that wrote the last line; of one example, the last.

    Raises:
        TableError: there is no log, or a line is not one of it.
    """
    if not path.exists():
        raise TableError("there are no predictions", path, "Predict first")
    lines = list(_lines(JsonlLog(path), path))
    latest = {
        (line["prediction"]["example"], line["prediction"]["sample"]): line["prediction"]
        for line in lines
        if line["run"] == lines[-1]["run"]
    }
    return [prediction_from_json(line) for line in latest.values()]


def _lines(lines: Iterable[dict[str, Any]], path: Path) -> Iterable[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not {"run", "asked", "prediction"} <= line.keys():
            raise TableError(f"line {number} is no logged prediction", path, "Move the file away")
        yield line


def _key(line: dict[str, Any]) -> tuple[str, int, str]:
    return line["prediction"]["example"], line["prediction"]["sample"], line["asked"]
