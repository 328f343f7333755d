"""Any model as a score: log-probabilities where it gives them, else what it answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from radvlm.errors import IncompleteError, InputError
from radvlm.explain.predictors import TOGETHER, replies, yes_no_scorer
from radvlm.protocols import Chat, Decoding, ModelInfo, Pixels
from radvlm.records import Reply


def grey(chat: Chat) -> int:
    return int(np.asarray(chat.images[0])[0, 0])


class Answering:
    """A model behind an endpoint: no log-probabilities, replies in any order."""

    def __init__(self, says: Sequence[str]) -> None:
        self.says = says
        self.at_once: list[int] = []
        self.asked: set[str] = set()

    def logprobs(self, chats: Sequence[Chat], said: Sequence[str]) -> list[list[float]]:
        raise InputError("endpoints give no log-probabilities of given texts")

    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        self.at_once.append(len(chats))
        for k in reversed(range(len(chats))):
            self.asked.add(str(chats[k].turns[0].parts[0]))
            yield k, Reply(self.says[grey(chats[k])], 1, "stop", 0.0)


class Scoring(Answering):
    """A model to which a yes has the log-probability -1 - grey / 8, and a no -3."""

    def logprobs(self, chats: Sequence[Chat], said: Sequence[str]) -> list[list[float]]:
        return [
            [-1.0, -grey(chat) / 8] if text.startswith("Yes") else [-3.0]
            for chat, text in zip(chats, said, strict=True)
        ]


def images(greys: Sequence[int]) -> Pixels:
    made = np.zeros((len(greys), 4, 4), np.uint8)
    made[:, 0, 0] = greys
    return made


@pytest.mark.parametrize(
    ("text", "logit"),
    [
        ("Yes, there is a pleural effusion.", 3.0),
        ("No, there is no pleural effusion.", -3.0),
        ("Yes.", 3.0),
        ("no", -3.0),
        ("A pleural effusion is seen.", 3.0),
        ("I was only taught to describe chest radiographs.", 0.0),
        ("", 0.0),
    ],
)
def test_an_answer_counts_as_a_logit(text: str, logit: float) -> None:
    scorer = yes_no_scorer(Answering([text]), "Pleural Effusion")  # type: ignore[arg-type]
    assert scorer(images([0])).tolist() == [logit]


def test_answers_stay_with_their_images_whatever_the_order_and_the_batch() -> None:
    model = Answering(["No.", "Yes."])
    truth = [k % 3 == 0 for k in range(2 * TOGETHER + 3)]
    scorer = yes_no_scorer(model, "Edema")  # type: ignore[arg-type]
    assert (scorer(images([int(t) for t in truth])) > 0).tolist() == truth
    assert model.at_once == [TOGETHER, TOGETHER, 3]
    assert model.asked == {"Is there edema?"}
    assert replies(model, images([]), "Why?") == []  # type: ignore[arg-type]


def test_a_request_that_came_to_nothing_ends_the_audit() -> None:
    class Failing(Answering):
        info = ModelInfo("served", "0", "fake", "", "open", (), "radvlm_01", 1, "fake")

        def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
            for k, chat in enumerate(chats):
                yield k, Reply("", 0, "error" if grey(chat) else "stop", 0.0)

    scorer = yes_no_scorer(Failing([]), "Edema")  # type: ignore[arg-type]
    assert scorer(images([0, 0])).tolist() == [0.0, 0.0]
    with pytest.raises(IncompleteError, match="2 of 3 requests came to nothing"):
        scorer(images([1, 0, 1]))


def test_log_probabilities_are_used_where_they_are_given() -> None:
    model = Scoring([])
    scorer = yes_no_scorer(model, "Edema")  # type: ignore[arg-type]
    # Yes: -1 - grey/8; no: -3. The logit is their difference, and finite at the ends.
    assert scorer(images([0, 16, 40])) == pytest.approx([2.0, 0.0, -3.0])
    far = yes_no_scorer(model, "Edema")(images([255]))[0]  # type: ignore[arg-type]
    assert far == pytest.approx(math.log(1e-9), rel=1e-6)
    assert model.at_once == []
