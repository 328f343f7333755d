"""``radvlm compare``: several models on the same examples → one page that opens from disk.

Figures with differences and p-values, Figure 4's bars, the same radiographs with each model's
boxes, and one conversation side by side (Figure 6). The page has no script and needs no network.
What is about single patients is left out where the access class of the data forbids a page.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from radvlm.codecs import get_codec
from radvlm.errors import ImageError
from radvlm.evaluate import page_marks as marks
from radvlm.evaluate.answers import Item, size_of
from radvlm.evaluate.browse_data import Evaluation
from radvlm.evaluate.page import number
from radvlm.evaluate.page_data import RESEARCH_ONLY, Conversation, Picture
from radvlm.io import egress
from radvlm.io.draw import PREDICTED, REFERENCE
from radvlm.io.files import atomic_path
from radvlm.io.image import read_image
from radvlm.io.svg import inline
from radvlm.protocols import Pixels
from radvlm.records import Example, Turn
from radvlm.tabling.comparison import FigureRow, check_same, compare_all, model_name
from radvlm.tabling.figures import boxed_tasks, draw_label_bars, drawn_items, label_bars

PICTURES = 3
"""Radiographs a task; every model's boxes beside each other."""

SIDE = 448
TALKS = ("grounded_conversation", "conversation")


@dataclass(frozen=True, slots=True)
class Shown:
    """One radiograph and question, and the picture of each model."""

    task: str
    question: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """One question of a conversation, what was expected, and what each model said."""

    question: marks.Bubble
    expected: marks.Bubble
    answers: tuple[marks.Bubble, ...]


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation side by side: the radiograph, its rounds, all boxes by number."""

    pixels: Pixels
    rounds: tuple[Round, ...]
    marks: tuple[marks.Mark, ...]


def write_compare_page(
    evaluations: Sequence[Evaluation], path: Path, *, samples: int = 2000, seed: int = 0
) -> list[FigureRow]:
    """Compare every model with the first and write the page, whole or not at all.

    Raises:
        InputError: fewer than two evaluations, or not of the same examples.
        OutputError: the page cannot be written.
    """
    check_same(evaluations)
    rows = compare_all(evaluations, samples, seed)
    access = egress.strictest(one.access for one in evaluations[0].examples)
    withheld = egress.refusal(access, "page", str(path))
    bars = [one for one in (label_bars(found, samples, seed) for found in evaluations) if one]
    text = (
        _environment()
        .get_template("compare.html.jinja")
        .render(
            models=[model_name(found) for found in evaluations],
            conditions=[_condition(found) for found in evaluations],
            head=evaluations[0].head,
            rows=rows,
            samples=samples,
            withheld=withheld,
            bars=bars,
            bars_svg=inline(draw_label_bars(bars), "labels") if bars else None,
            shown=[] if withheld else _pictures(evaluations, seed),
            talk=None if withheld else _talk(evaluations, seed),
            notice=RESEARCH_ONLY,
            max_side=SIDE,
            colours={"predicted": PREDICTED, "reference": REFERENCE},
        )
    )
    with atomic_path(path) as aside:
        aside.write_bytes(text.encode("utf-8"))
    return rows


def _condition(found: Evaluation) -> str:
    return found.recipe.condition


def _pictures(evaluations: Sequence[Evaluation], seed: int) -> list[Shown]:
    """For each task with boxes the same radiographs, drawn at random, with each model's boxes."""
    shown = []
    for task in boxed_tasks(evaluations[0]):
        drawn = drawn_items(evaluations[0], task, PICTURES, seed)
        for item, pixels in drawn:
            answers = [_same(found, item) for found in evaluations]
            pictures = tuple(_picture(one, pixels) for one in answers)
            shown.append(Shown(task, _words(item), pictures))
    return shown


def _same(found: Evaluation, item: Item) -> Item:
    """The answer of another model to the same question."""
    return next(
        one for one in found.items if (one.example.id, one.turn) == (item.example.id, item.turn)
    )


def _picture(item: Item, pixels: Pixels) -> Picture:
    return Picture(
        pixels=pixels,
        task=item.example.task,
        question=_words(item),
        answer=item.answer.text,
        predicted=tuple((name, box) for name, box, _ in item.answer.boxes),
        true=tuple((name, box) for name, box, _ in item.target.boxes),
    )


def _words(item: Item) -> str:
    return "".join(part for part in item.question if isinstance(part, str))


def _talk(evaluations: Sequence[Evaluation], seed: int) -> Talk | None:
    """One conversation drawn at random, among those with boxes where there are any."""
    for task in TALKS:
        held = [one for one in evaluations[0].examples if one.task == task]
        random.Random(seed).shuffle(held)
        for example in held:
            with suppress(ImageError):
                pixels = read_image(Path(example.views[0].path))
                return _rounds(evaluations, example, pixels)
    return None


def _rounds(evaluations: Sequence[Evaluation], example: Example, pixels: Pixels) -> Talk:
    """All that was asked, expected and said, with one numbering of boxes for all of it."""
    turns = [turn for turn in example.turns if turn.role != "system"]
    said = [_said(found, example) for found in evaluations]
    lines: list[Turn] = []
    for index in range(0, len(turns) - 1, 2):
        lines += [turns[index], turns[index + 1]]
        lines += [replies[index // 2] for replies in said]
    bubbles, numbered = marks.bubbles(Conversation(pixels, tuple(lines)))
    step = 2 + len(evaluations)
    rounds = tuple(
        Round(bubbles[k], bubbles[k + 1], tuple(bubbles[k + 2 : k + step]))
        for k in range(0, len(bubbles), step)
    )
    return Talk(pixels, rounds, tuple(numbered))


def _said(found: Evaluation, example: Example) -> list[Turn]:
    """The replies of a model with their boxes, a turn for each question; empty where none came."""
    prediction = found.predictions.get(example.id)
    asked = sum(turn.role == "user" for turn in example.turns)
    if prediction is None:
        return [Turn("assistant", ("(no answer)",))] * asked
    codec, size = get_codec(prediction.codec), size_of(example.views[0])
    turns = [Turn("assistant", codec.parse(one.text, size)[0]) for one in prediction.replies]
    return turns + [Turn("assistant", ("(no answer)",))] * (asked - len(turns))


def p_text(p: float | None) -> str:
    """A p-value with two digits that matter."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


@cache
def _environment() -> Environment:
    own = PackageLoader("radvlm.tabling", "templates")
    environment = Environment(
        loader=ChoiceLoader([own, PackageLoader("radvlm.evaluate", "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "number": number,
        "p_text": p_text,
        "data_uri": marks.data_uri,
        "marks": marks.picture_marks,
        "alt": marks.picture_alt,
        "signed": _signed,
        "breakable": _breakable,
    }
    environment.filters.update(filters)
    return environment


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


def _breakable(key: str) -> Markup:
    return Markup("/<wbr>").join(key.split("/"))
