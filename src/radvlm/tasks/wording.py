"""What all tasks share: frontal views, one-question examples, names as they are written."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from radvlm.records import FRONTAL, Answer, Box, Example, Part, Study, Turn, View


def frontal_views(study: Study) -> Iterator[View]:
    """The views questions are asked about (paper, §3.1: frontal images alone)."""
    return (view for view in study.views if view.projection in FRONTAL)


def written(name: str) -> str:
    """A finding's or region's name inside a sentence: lower case, acronyms kept."""
    return " ".join(
        w if w.isupper() or any(c.isdigit() for c in w) else w.lower() for w in name.split()
    )


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def capital(text: str) -> str:
    """The text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def single(task: str, study: Study, view: View, asked: str, turn: Turn) -> Example:
    """A one-question example of one view; the build sets its id."""
    return several(task, study, view, (Turn("user", (asked,)), turn))


def several(task: str, study: Study, view: View, turns: tuple[Turn, ...]) -> Example:
    """An example with these turns; study facts are copied, the build sets the id.

    Raises:
        ValueError: the study has no split; the build does not ask those.
    """
    if study.split is None:
        raise ValueError("a study without split is not asked")
    return Example(
        id="",
        task=task,
        source="+".join(study.sources),
        family=study.family,
        patient=study.patient,
        split=study.split,
        access=study.access,
        views=(view,),
        turns=turns,
    )


def filled(rng: random.Random, templates: Sequence[str], name: str) -> str:
    """One of the templates with the name in the place of ``{}``; a capital at its start."""
    return capital(rng.choice(templates).format(name))


def with_boxes(sentence: str, boxes: Sequence[Box]) -> tuple[Part, ...]:
    """The parts of a sentence whose ``<>`` is where the boxes belong."""
    before, _, after = sentence.partition("<>")
    return tuple(part for part in (before, tuple(boxes), after) if part)


def boxes_in(parts: Sequence[Part]) -> list[Box]:
    """All boxes of a reply in order."""
    return [box for part in parts if not isinstance(part, str) for box in part]


def text_of(parts: Sequence[Part]) -> str:
    """The words of a reply; a space stands where boxes were."""
    return "".join(part if isinstance(part, str) else " " for part in parts)


def named(name: str, boxes: Sequence[Box]) -> Answer:
    """A target: this name is at these boxes."""
    return Answer(labels={name: "present"}, boxes=tuple((name, box, None) for box in boxes))
