"""Every task's own reference replies, written by the codec and read back, score as right."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from radvlm.codecs import Radvlm01
from radvlm.evaluate.run import tasks_of
from radvlm.evaluate.score import score
from radvlm.records import Example, Prediction, Reply


def reference_predictions(examples: Sequence[Example]) -> list[Prediction]:
    codec = Radvlm01()
    predictions = []
    for example in examples:
        texts = [
            "".join(p if isinstance(p, str) else codec.render(p, (1, 1)) for p in turn.parts)
            for turn in example.turns
            if turn.role == "assistant"
        ]
        replies = tuple(Reply(text, 1, "stop", 0.0) for text in texts)
        predictions.append(Prediction(example.id, 0, "reference", "0", codec.name, replies))
    return predictions


def test_reference_replies_score_one_in_every_task(test_examples: list[Example]) -> None:
    scores = score(
        test_examples, reference_predictions(test_examples), tasks_of(test_examples), bootstrap=20
    )
    assert {s.key.split("/")[0] for s in scores} == {e.task for e in test_examples}
    for figure in scores:
        # Two written decimals cost small boxes some overlap; nothing else may be lost.
        least = 0.75 if "/mean_iou/" in figure.key else 1 - 1e-9
        assert figure.value == pytest.approx(1, abs=1 - least), figure.key
        assert figure.n_failed == 0, figure.key
