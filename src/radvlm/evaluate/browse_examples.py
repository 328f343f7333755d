"""The examples of an evaluation as the plain values that the browsing page's script draws from.

Texts stay texts: nothing here knows of markup. A picture that several examples are about is there
once; boxes are fractions of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from radvlm.codecs import CODECS, get_codec
from radvlm.errors import ImageError, InputError
from radvlm.evaluate.answers import Item, size_of
from radvlm.evaluate.browse_data import Evaluation, Figure, failure_of
from radvlm.evaluate.page_marks import data_uri
from radvlm.evaluate.statistics import Floats
from radvlm.evaluate.subgroups import attributes_of
from radvlm.io.image import read_image
from radvlm.io.progress import Bar
from radvlm.records import Answer, Example, Part, Prediction, Turn, View

SIDES = ((3000, 256), (6000, 192))
"""Up to so many pictures, their longer side in pixels: thousands still make one page."""

SMALLEST = 128

OwnFigures = Mapping[tuple[str, int], list[float | None]]
"""(example id, user turn) → the answer's figure in each metric of its task, in order."""


def as_plain(
    found: Evaluation,
    figures: Sequence[Figure],
    values: Sequence[Floats],
    limit: int | None = None,
    progress: Bar | None = None,
) -> dict[str, Any]:
    """Metrics, examples and pictures as plain values.

    Args:
        found: the evaluation.
        figures: its metrics.
        values: the answers' own figures, metric by metric.
        limit: keep so many examples, drawn at random (always the same).
        progress: told how many examples are done; reading their pictures takes the time.
    """
    kept = _drawn(found.examples, limit)
    pictures = _Pictures(len({_view(found, example).path for example in kept}))
    own = _by_answer(found, values)
    items = {(item.example.id, item.turn): item for item in found.items}
    examples = []
    for number, example in enumerate(kept, 1):
        examples.append(_example(found, example, items, own, pictures))
        if progress:
            progress(number, len(kept))
    metrics = [
        {
            "task": one.task,
            "name": one.name,
            "key": one.key,
            "lower": one.lower_is_better,
            "note": one.note,
        }
        for one in figures
    ]
    return {"metrics": metrics, "examples": examples, "pictures": pictures.plain}


class _Pictures:
    """Each file read once; ``plain`` holds width, height and data URI of those that could be."""

    def __init__(self, most: int) -> None:
        self.plain: list[dict[str, Any]] = []
        self._side = next((side for count, side in SIDES if most <= count), SMALLEST)
        self._known: dict[str, int | str] = {}

    def number(self, view: View) -> int | str:
        """The picture's place in ``plain``, or why there is none."""
        if view.path not in self._known:
            self._known[view.path] = self._read(view)
        return self._known[view.path]

    def _read(self, view: View) -> int | str:
        if not view.path:
            return "the data set names no file"
        try:
            pixels = read_image(Path(view.path))
        except InputError as error:
            return error.what
        height, width = pixels.shape
        uri = data_uri(pixels, self._side)
        self.plain.append({"width": width, "height": height, "uri": uri})
        return len(self.plain) - 1


def _drawn(examples: Sequence[Example], limit: int | None) -> list[Example]:
    if limit is None or limit >= len(examples):
        return list(examples)
    places = random.Random(0).sample(range(len(examples)), limit)
    return [examples[place] for place in sorted(places)]


def _view(found: Evaluation, example: Example) -> View:
    return (found.images or {}).get(example.id, example.views)[0]


def _by_answer(found: Evaluation, values: Sequence[Floats]) -> OwnFigures:
    own: dict[tuple[str, int], list[float | None]] = {}
    for measured, row in zip(found.measured, values, strict=True):
        for item, value in zip(measured.items, row.tolist(), strict=True):
            figure = None if value != value else round(value, 4)
            own.setdefault((item.example.id, item.turn), []).append(figure)
    return own


def _example(
    found: Evaluation,
    example: Example,
    items: Mapping[tuple[str, int], Item],
    own: OwnFigures,
    pictures: _Pictures,
) -> dict[str, Any]:
    prediction = found.predictions.get(example.id)
    view = _view(found, example)
    picture = pictures.number(view)
    write = _writer(prediction, view)
    turns = []
    for index, (question, reference) in enumerate(_rounds(example.turns)):
        item = items.get((example.id, index))
        turn = {"question": write(question), "reference": write(reference)}
        turns.append({**turn, **_answer(item, index, prediction, own.get((example.id, index)))})
    return {
        "id": example.id,
        "task": example.task,
        "groups": dict(attributes_of(example)),
        "images": len(example.views),
        "other": found.images is not None,
        "access": example.access,
        "picture": picture if isinstance(picture, int) else None,
        "missing": picture if isinstance(picture, str) else "",
        "error": prediction.error if prediction else None,
        "turns": turns,
    }


def _answer(
    item: Item | None, index: int, prediction: Prediction | None, figures: list[float | None] | None
) -> dict[str, Any]:
    """What was said in one turn; ``item`` is none where nothing is scored."""
    reply = prediction.replies[index] if prediction and index < len(prediction.replies) else None
    return {
        "answer": reply.text if reply else None,
        "cut": reply is not None and reply.finish == "length",
        "scored": item is not None,
        "failure": failure_of(item, prediction) if item else "",
        "mended": item is not None and item.answer.mended,
        "figures": figures or [],
        "predicted": _boxes(item.answer) if item else [],
        "true": _boxes(item.target) if item else [],
    }


def _boxes(answer: Answer) -> list[list[Any]]:
    """[name, x1, y1, x2, y2] of each box, as fractions of the picture."""
    return [
        [name, *(round(value, 5) for value in (box.x1, box.y1, box.x2, box.y2))]
        for name, box, _ in answer.boxes
    ]


def _rounds(turns: Sequence[Turn]) -> list[tuple[tuple[Part, ...], tuple[Part, ...]]]:
    """(question, reference) of each user turn; a reference nobody gave is empty."""
    rounds: list[tuple[tuple[Part, ...], tuple[Part, ...]]] = []
    for turn in turns:
        if turn.role == "user":
            rounds.append((turn.parts, ()))
        elif turn.role == "assistant" and rounds:
            rounds[-1] = (rounds[-1][0], turn.parts)
    return rounds


def _writer(prediction: Prediction | None, view: View) -> Callable[[Sequence[Part]], str]:
    """Writes boxes as the model does, so that its answer and the reference can be compared."""
    codec, size = CODECS["radvlm_01"], (1, 1)
    if prediction is not None:
        # Without the image's size, fractions of it are what can be written.
        with suppress(ImageError):
            codec, size = get_codec(prediction.codec), size_of(view)
    return lambda parts: "".join(
        part if isinstance(part, str) else codec.render(part, size) for part in parts
    )
