"""Probabilities of labels from what a model finds likelier, yes or no."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from radvlm.evaluate.log import read_predictions
from radvlm.evaluate.predict import predict
from radvlm.models.opening import open_model
from radvlm.protocols import Chat, Decoding
from radvlm.records import Example
from radvlm.vocabulary import CHEXPERT_13
from radvlm.yes_no import label_probabilities


class Sure:
    """Says yes with 0.6 and no with 0.2 to an edema, and the other way round to all else."""

    asked = 0

    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        self.asked = max(self.asked, len(chats))
        found = []
        for chat, said in zip(chats, continuations, strict=True):
            edema = "edema" in str(chat.turns[0].parts[0]).lower()
            # Two tokens of a sentence, whose probabilities multiply to 0.6 or 0.2.
            sure = 0.6 if edema == said.startswith("Yes") else 0.2
            found.append([math.log(sure) / 2] * 2)
        return found


def test_yes_against_no_of_whole_sentences() -> None:
    model, names = Sure(), [*CHEXPERT_13, *(f"lesion {k}" for k in range(20))]
    found = label_probabilities(model, (Path("x"),), names)  # type: ignore[arg-type]  # a part of one
    assert found.pop("Edema") == pytest.approx(0.75)
    assert list(found.values()) == pytest.approx([0.25] * len(found))
    assert model.asked <= 32


def test_predictions_carry_them(
    checkpoint: Path, test_examples: list[Example], tmp_path: Path
) -> None:
    model = open_model(checkpoint)
    asked = [e for e in test_examples if e.task in ("classification", "report")]
    lists = [e for e in asked if any(t.target and len(t.target.labels) > 1 for t in e.turns)]
    chosen = [e for e in lists if e.task == "classification"][:2]
    chosen += [e for e in asked if e.task == "report"][:1]
    predict(model, chosen, tmp_path / "log", Decoding(4, logprobs=True), label_odds=True)
    for prediction in read_predictions(tmp_path / "log"):
        example = next(e for e in chosen if e.id == prediction.example)
        (target, *_) = [turn.target for turn in example.turns if turn.target]
        if example.task == "classification" and len(target.labels) > 1:
            assert prediction.probabilities is not None
            assert prediction.probabilities.keys() == target.labels.keys()
            assert all(0 <= p <= 1 for p in prediction.probabilities.values())
        else:
            assert prediction.probabilities is None
        assert prediction.replies[0].token_ends is not None
