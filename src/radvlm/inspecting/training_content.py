"""A run's folder → what its page shows: losses, figures, and answers beside their references."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from radvlm.codecs import get_codec
from radvlm.errors import TableError
from radvlm.evaluate.page_data import Conversation
from radvlm.evaluate.page_marks import Bubble, Mark, bubbles
from radvlm.inspecting.sample import pixels_of
from radvlm.io import egress
from radvlm.io.dataset import examples_of
from radvlm.io.files import read_json
from radvlm.io.svg import GRID, LINE, SOFT, house_style, inline
from radvlm.models.card import Card, read_card
from radvlm.protocols import Pixels
from radvlm.records import Access, Example, Turn
from radvlm.train.summary import SAMPLES, summary_of

_SMOOTHED = 50
"""The curve is the mean over a fiftieth of the run."""


@dataclass(frozen=True, slots=True)
class SampleCard:
    """One question with the reference's answer, dashed boxes, and the replies, the last one first.

    Boxes on the image are the reference's and those of the last reply.
    """

    task: str
    origin: str
    pixels: Pixels
    marks: tuple[Mark, ...]
    alt: str
    missing: str
    asked: Bubble
    reference: Bubble
    replies: tuple[tuple[str, Bubble], ...]


@dataclass(frozen=True, slots=True)
class TrainingContent:
    """All that the page says."""

    title: str
    scope: str
    access: Access
    tiles: tuple[tuple[str, str, str], ...]
    curve: Markup
    curve_words: str
    cards: tuple[SampleCard, ...]
    facts: dict[str, str]


def training_content(folder: Path) -> TrainingContent:
    """Read a run that has ended.

    Raises:
        TableError: it has not, or its files are not those of a run.
    """
    found = summary_of(folder)
    if found is None:
        raise TableError("holds no run that has ended", folder, "Run `radvlm train` to its end")
    recipe = read_json(folder / "recipe.json")
    card = read_card(folder / "checkpoint")
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [float(json.loads(line)["loss"]) for line in lines]
    cards = _cards(folder, Path(recipe["data"]["folder"]), card)
    return TrainingContent(
        title=f"Training of {card.name}",
        scope=f"{card.scope}. Research use only, not for diagnosis.",
        access=egress.strictest([found["access"]]),
        tiles=_tiles(found),
        curve=_curve(losses),
        curve_words=f"Mean loss of an answer token (nats), step by step; from "
        f"{found['loss']['first']:.2f} in the first tenth to {found['loss']['last']:.2f} in the "
        "last. Pale: single steps.",
        cards=cards,
        facts=_facts(found),
    )


def _tiles(found: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    rates, loss = found["last_session"], found["loss"]
    pace = f"{rates['samples_per_second']:,.1f} questions/s"
    mfu = f"MFU {rates['mfu']:.1%}" if rates["mfu"] is not None else ""
    return (
        ("Steps", f"{found['steps']:,}", f"of {found['settings']['schedule']['batch']} sequences"),
        ("Questions", _short(found["questions"]), pace),
        ("Tokens", _short(found["tokens"]), f"{rates['tokens_per_second']:,.0f}/s"),
        ("Loss", f"{loss['last']:.2f}", f"from {loss['first']:.2f}"),
        ("Time", _duration(found["seconds"]), mfu),
        ("Unreadable", f"{found['damaged']:,}", "sequences left out"),
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 7200 else f"{seconds / 60:.1f} min"


def _short(count: int) -> str:
    """A count in three digits or so."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= size:
            return f"{count / (1000 if letter == 'k' else size):.3g} {letter}"
    return f"{count:,}"


def _facts(found: Mapping[str, Any]) -> dict[str, str]:
    base = found["base"]
    data = "; ".join(
        f"{one['mixture']} ({one['access']}), recipe {one['recipe']}" for one in found["data"]
    )
    return {
        "From": f"{base['name']} ({base['licence']})" if base else "scratch",
        "Data": data,
        "Recipe": found["recipe"],
        "Precision": found["settings"]["precision"],
        "Learning rate": f"{found['settings']['schedule']['lr']:g}, vision tower "
        f"{found['settings']['schedule']['vision_lr']:g}",
        "Processes": f"{found['processes']} × {found['device']}",
        "Waiting for data": f"{found['last_session']['stall']:.1%} of the last session",
        "Memory": f"{found['last_session']['memory_bytes'] / 1e9:.1f} GB at most",
        "radvlm": f"{found['radvlm']}, commit {found['commit']}",
    }


def _curve(losses: Sequence[float]) -> Markup:
    """Losses over steps, and their running mean."""
    width = max(1, len(losses) // _SMOOTHED)
    means = [
        sum(losses[max(0, k - width + 1) : k + 1]) / min(width, k + 1) for k in range(len(losses))
    ]
    steps = range(1, len(losses) + 1)
    with house_style():
        figure = Figure(figsize=(7.2, 2.8), layout="constrained")
        axes = figure.subplots()
        axes.grid(True, axis="y", color=GRID, linewidth=0.6)
        axes.plot(steps, losses, color=SOFT, linewidth=1)
        axes.plot(steps, means, color=LINE, linewidth=1.8)
        axes.set(xlabel="step", ylabel="loss", xlim=(1, max(2, len(losses))), ylim=(0, None))
    return inline(figure, "loss")


def _cards(folder: Path, data: Path, card: Card) -> tuple[SampleCard, ...]:
    if not (folder / SAMPLES).is_file():
        return ()
    found = read_json(folder / SAMPLES)
    wanted = [one["example"] for one in found["asked"]]
    splits = {one["split"] for one in found["asked"]}
    by_id = {e.id: e for split in splits for e in examples_of(data, split) if e.id in wanted}
    made = []
    for number, name in enumerate(wanted):
        if name in by_id:
            said = [(one["step"], one["replies"][number]) for one in found["rounds"]]
            made.append(_card(by_id[name], said, card))
    return tuple(made)


def _card(example: Example, said: Sequence[tuple[int, str]], card: Card) -> SampleCard:
    pixels, missing = pixels_of(example)
    codec, size = get_codec(card.codec), (pixels.shape[1], pixels.shape[0])
    first = next(k for k, turn in enumerate(example.turns) if turn.role == "user")
    asked, answer = example.turns[first : first + 2]
    replies = [
        (step, Turn("assistant", codec.parse(text, size)[0])) for step, text in reversed(said)
    ]
    (question, last), marks = bubbles(Conversation(pixels, (asked, replies[0][1])))
    (reference,), true = bubbles(Conversation(pixels, (answer,)))
    earlier = [(step, bubbles(Conversation(pixels, (turn,)))[0][0]) for step, turn in replies[1:]]
    dashed = [Mark(mark.box, "", "true", "below") for mark in true]
    return SampleCard(
        task=example.task,
        origin=f"{example.split}, {example.source.replace('+', ' + ')}",
        pixels=pixels,
        marks=(*dashed, *marks),
        alt=f"Chest radiograph with {len(marks)} predicted and {len(dashed)} true boxes",
        missing=missing,
        asked=question,
        reference=reference,
        replies=((f"step {replies[0][0]:,}", last), *((f"step {k:,}", b) for k, b in earlier)),
    )
