"""The figures of the page: what was counted of each task → distributions with a line of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radvlm.inspecting.disclosure import FEW, Disclosure, quantile, spread
from radvlm.inspecting.figures import Binned, bars, centre_map, whole_numbers
from radvlm.inspecting.survey import (
    AGE_STEP,
    AGE_TOP,
    Length,
    StudyCount,
    TaskCount,
)

_LENGTH_PLOTS: tuple[tuple[Length, str, str], ...] = (
    ("question", "Words a question", "words"),
    ("answer", "Words an answer", "words"),
    ("rounds", "Questions an example", "questions"),
)
_SHORT = 4
"""So short a tail is shown however rare it is."""
_AREA_TICKS = ("0.01 %", "1 %", "100 %")
_ASPECT_TICKS = ("1:8", "1:4", "1:2", "1:1", "2:1", "4:1", "8:1")


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure with its title and a line of words; no figure where words say it all."""

    title: str
    words: str
    svg: Markup | None = None


@dataclass(frozen=True, slots=True)
class PlotGroup:
    """The figures of one task."""

    task: str
    plots: tuple[Plot, ...]


def length_plots(
    tasks: Sequence[tuple[str, TaskCount]], disclosure: Disclosure
) -> tuple[PlotGroup, ...]:
    """Words of questions and answers and questions an example, task by task."""
    return tuple(
        PlotGroup(
            task,
            tuple(
                _whole(title, axis, count.lengths[length], disclosure, f"length-{number}-{length}")
                for length, title, axis in _LENGTH_PLOTS
                if count.lengths[length]
            ),
        )
        for number, (task, count) in enumerate(tasks)
    )


def box_plots(
    tasks: Sequence[tuple[str, TaskCount]], disclosure: Disclosure
) -> tuple[PlotGroup, ...]:
    """Of each task that answers with boxes: how many, how large, what shape, where."""
    return tuple(
        PlotGroup(task, _box_plots(count, disclosure, f"box-{number}"))
        for number, (task, count) in enumerate(tasks)
        if count.boxes.total
    )


def age_plot(studies: StudyCount, disclosure: Disclosure) -> Plot | None:
    """The ages of the studies that tell one, in bins of five years; everybody from 90 on is one."""
    known = sum(studies.ages.values())
    title = "Age of the patient"
    words = f"{disclosure.text(known)} of {disclosure.text(studies.total)} studies tell the age"
    if not known or disclosure.hides(known):
        return Plot(title, words) if known else None
    bins = tuple(studies.ages[k] for k in range(AGE_TOP // AGE_STEP + 1))
    ticks = tuple((age / AGE_STEP, str(age)) for age in range(0, AGE_TOP, 20))
    last = (AGE_TOP / AGE_STEP + 0.45, f"{AGE_TOP}+")
    return Plot(title, words, bars(Binned(bins, (*ticks, last)), "years", disclosure, "ages"))


def _box_plots(count: TaskCount, disclosure: Disclosure, name: str) -> tuple[Plot, ...]:
    boxes = count.boxes
    words = f"{disclosure.text(boxes.total)} boxes"
    number = _whole(
        "Boxes an answer", "boxes", count.lengths["boxes"], disclosure, f"{name}-number"
    )
    if disclosure.hides(boxes.total):
        return (number, Plot("Places and sizes", f"fewer than {FEW} boxes"))
    areas = Binned(tuple(boxes.areas.tolist()), _evenly(_AREA_TICKS, len(boxes.areas)))
    aspects = Binned(tuple(boxes.aspects.tolist()), _evenly(_ASPECT_TICKS, len(boxes.aspects)))
    drawn = (
        ("Area", bars(areas, "share of the image", disclosure, f"{name}-area")),
        ("Shape", bars(aspects, "width : height", disclosure, f"{name}-aspect")),
        ("Centres", centre_map(boxes.centres, disclosure, f"{name}-centres")),
    )
    return (number, *(Plot(title, words, svg) for title, svg in drawn))


def _evenly(labels: Sequence[str], bins: int) -> tuple[tuple[float, str], ...]:
    """Ticks from the first edge to the last."""
    return tuple((k * bins / (len(labels) - 1), label) for k, label in enumerate(labels))


def _whole(title: str, axis: str, counts: Counter[int], disclosure: Disclosure, name: str) -> Plot:
    """A distribution of whole numbers; a single value needs no figure."""
    if disclosure.hides(sum(counts.values())):
        return Plot(title, spread(counts, disclosure))
    if len(counts) == 1:
        return Plot(title, f"always {next(iter(counts)):,}")
    binned = whole_numbers(counts, max(quantile(counts, 0.99), min(max(counts), _SHORT)))
    return Plot(title, spread(counts, disclosure), bars(binned, axis, disclosure, name))
