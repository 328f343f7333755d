"""Examples → predictions, appended to a write-ahead log as each is finished.

A conversation is played: the reference's questions follow one another, and the model's own
replies, not the reference's, are its history (RadVLM paper, §4.3). Killed at any moment and run
again, no example in the log is asked twice and none is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from radvlm.errors import IncompleteError, InputError, RadvlmError
from radvlm.evaluate.answers import ImageMap, size_of
from radvlm.evaluate.log import PredictionLog, run_of
from radvlm.protocols import Chat, Decoding, Model
from radvlm.records import Example, Prediction, Reply, Turn, View
from radvlm.yes_no import label_probabilities

Progress = Callable[[int, int], None]
"""Called with (finished, in all)."""


def predict(
    model: Model,
    examples: Sequence[Example],
    log: Path,
    decoding: Decoding,
    *,
    condition: str = "trained",
    batch_size: int = 32,
    images: ImageMap | None = None,
    forced: bool = False,
    label_odds: bool = False,
    progress: Progress | None = None,
) -> None:
    """Play every example not yet in the log and append each prediction as it is finished.

    Chats go to the model ``batch_size`` at a time, those of like length together. What cannot be
    answered (an unreadable image, a reply that ends in an error) is a prediction with ``error``
    and the replies up to there. ``images`` replaces the examples' own views (the blind condition);
    with ``forced`` the reference's answers are the history instead of the model's. With
    ``label_odds`` the model is asked of each label of an open list how likely it is.

    Raises:
        InputError: ``decoding.n`` is not 1, or two examples have the same id.
        TableError: the log is not one of predictions.
    """
    if decoding.n != 1:
        raise InputError("predictions are made one sample at a time", "decoding.n", "Set it to 1")
    if len({example.id for example in examples}) != len(examples):
        raise InputError("two examples have the same id", "examples", "Build the data set again")
    known = PredictionLog(log, run_of(model.info, decoding, condition, label_odds))
    shown = {example.id: (images or {}).get(example.id, example.views) for example in examples}
    waiting = [example for example in examples if not known.holds(example, shown[example.id])]
    waiting.sort(key=_length)
    done = len(examples) - len(waiting)
    with closing(known):
        for start in range(0, len(waiting), batch_size):
            batch = [
                _Play(e, shown[e.id], _script(e), _answers(e) if forced else ())
                for e in waiting[start : start + batch_size]
            ]
            for play in _finished(model, batch, decoding):
                prediction = play.prediction(model)
                if label_odds and prediction.error is None:
                    odds = _label_odds(model, play)
                    prediction = replace(prediction, probabilities=odds)
                known.append(play.example, play.views, prediction)
                done += 1
                if progress:
                    progress(done, len(examples))


@dataclass(slots=True)
class _Play:
    """A conversation under way: what comes before each reply, and the replies so far."""

    example: Example
    views: tuple[View, ...]
    script: list[list[Turn]]
    forced: Sequence[Turn]
    history: list[Turn] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    error: str | None = None

    @property
    def over(self) -> bool:
        return self.error is not None or len(self.replies) == len(self.script)

    def ask(self) -> Chat:
        """Put the next question; the chat then ends with it."""
        self.history += self.script[len(self.replies)]
        return Chat(tuple(Path(view.path) for view in self.views), tuple(self.history))

    def hear(self, reply: Reply | RadvlmError, model: Model) -> None:
        if isinstance(reply, RadvlmError):
            self.error = f"{type(reply).__name__}: {reply}"
            return
        self.replies.append(reply)
        if reply.finish == "error":
            self.error = "the model ended its reply with an error"
        elif not self.over and self.forced:
            self.history.append(self.forced[len(self.replies) - 1])
        elif not self.over:
            parts, _ = model.codec.parse(reply.text, size_of(self.views[0]))
            self.history.append(Turn("assistant", parts))

    def prediction(self, model: Model) -> Prediction:
        info = model.info
        made_by = info.name, info.revision, info.codec
        return Prediction(self.example.id, 0, *made_by, tuple(self.replies), self.error)


def _finished(model: Model, batch: list[_Play], decoding: Decoding) -> Iterator[_Play]:
    """Play all of a batch turn by turn; each conversation as it ends."""
    while batch:
        chats = [play.ask() for play in batch]
        for index, reply in _replies(model, chats, decoding):
            batch[index].hear(reply, model)
            if batch[index].over:
                yield batch[index]
        batch = [play for play in batch if not play.over]


def _replies(
    model: Model, chats: Sequence[Chat], decoding: Decoding
) -> Iterator[tuple[int, Reply | RadvlmError]]:
    """One reply or error a chat; after an error the chats still open are asked one by one."""
    waiting = set(range(len(chats)))
    failure: RadvlmError = IncompleteError("the model gave no reply")
    try:
        for index, reply in model.answer(chats, decoding):
            waiting.discard(index)
            yield index, reply
    except RadvlmError as error:
        failure = error
    for index in sorted(waiting):
        if len(chats) == 1:
            yield index, failure
        else:
            yield from ((index, reply) for _, reply in _replies(model, [chats[index]], decoding))


def _label_odds(model: Model, play: _Play) -> dict[str, float] | None:
    """Name → probability, of the labels that an open list of abnormalities is held to."""
    targets = [turn.target for turn in play.example.turns if turn.target is not None]
    if play.example.task != "classification" or len(targets[0].labels) < 2:
        return None
    images = tuple(Path(view.path) for view in play.views)
    return label_probabilities(model, images, list(targets[0].labels))


def _script(example: Example) -> list[list[Turn]]:
    """The turns before each reply, up to and including its question; references are left out."""
    script: list[list[Turn]] = [[]]
    for turn in example.turns:
        if turn.role == "assistant":
            continue
        script[-1].append(turn)
        if turn.role == "user":
            script.append([])
    return script[:-1]


def _answers(example: Example) -> list[Turn]:
    """The reference's answers, to be said in the model's place."""
    return [Turn("assistant", turn.parts) for turn in example.turns if turn.role == "assistant"]


def _length(example: Example) -> tuple[int, int, int, str]:
    words = [len(part) for turn in example.turns for part in turn.parts if isinstance(part, str)]
    return len(_script(example)), len(example.views), sum(words), example.id
