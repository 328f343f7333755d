"""``merge``: what several sources say of one study becomes one study.

In: one stream of studies a source, each ascending by ``study_key``. Out: one stream in that order;
only the studies of one key are ever in memory. A field one source does not know is filled from
another; what two know differently is an error.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from radvlm.errors import RecordError
from radvlm.io.egress import strictest
from radvlm.protocols import study_key
from radvlm.records import Projection, Study, View

T = TypeVar("T")
Key = tuple[str, str, str]


def merge(*streams: Iterable[Study]) -> Iterator[Study]:
    """Join reports, labels, boxes and regions by family, patient, study and view id.

    Where sources put a study into different splits, it is given once a split, all with the same
    views: which of them may stay is for the leak rule to say.

    Raises:
        RecordError: two sources contradict each other on a text, a view or a fact of the patient,
            or a source does not give its studies in order.
    """
    keyed = (_ascending(stream, number) for number, stream in enumerate(streams))
    for _, group in groupby(heapq.merge(*keyed), key=itemgetter(0)):
        yield from _joined([study for _, _, study in group])


def _ascending(stream: Iterable[Study], number: int) -> Iterator[tuple[Key, int, Study]]:
    """Studies with their keys, made once; the number keeps studies from being compared."""
    last = ("", "", "")
    for study in stream:
        key = study_key(study)
        if key < last:
            where = f"{study.family} study {study.id}"
            raise RecordError("a source does not give its studies in order", where)
        last = key
        yield key, number, study


def _joined(said: Sequence[Study]) -> Iterator[Study]:
    if len(said) == 1:
        yield said[0]
        return
    claims = list(dict.fromkeys(study.split for study in said if study.split))
    if len(claims) < 2:
        yield reduce(_join, said)
        return
    where = f"{said[0].family} study {said[0].id}"
    views = reduce(lambda a, b: _views(a, b, where), (study.views for study in said))
    for claim in claims:
        wanted = {claim, None} if claim == claims[0] else {claim}
        own = (study for study in said if study.split in wanted)
        yield dataclasses.replace(reduce(_join, own), views=views)


def _join(a: Study, b: Study) -> Study:
    where = f"{a.family} study {a.id}"
    return dataclasses.replace(
        a,
        sources=tuple(dict.fromkeys(a.sources + b.sources)),
        split=a.split or b.split,
        access=strictest([a.access, b.access]),
        views=_views(a.views, b.views, where),
        texts=_texts(a.texts, b.texts, where),
        findings=tuple(dict.fromkeys(a.findings + b.findings)),
        regions=tuple(dict.fromkeys(a.regions + b.regions)),
        dialogues=a.dialogues + b.dialogues,
        sex=_agree(a.sex, b.sex, "sex", where),
        age=_agree(a.age, b.age, "age", where),
        prior=_agree(a.prior, b.prior, "prior study", where),
    )


def _agree(a: T | None, b: T | None, what: str, where: str) -> T | None:
    if a is not None and b is not None and a != b:
        raise RecordError(f"two sources give a different {what}", where, "Check the releases")
    return b if a is None else a


def _views(a: tuple[View, ...], b: tuple[View, ...], where: str) -> tuple[View, ...]:
    known = {view.id: view for view in a}
    for view in b:
        known[view.id] = _view(known[view.id], view, where) if view.id in known else view
    return tuple(known.values())


def _view(a: View, b: View, where: str) -> View:
    """One view of two; where both have the image, the first source's file is taken."""
    if a == b:
        return a
    return View(
        a.id,
        a.path or b.path,
        _projection(a.projection, b.projection, f"{where}, view {a.id}"),
        _agree(a.width, b.width, f"width of view {a.id}", where),
        _agree(a.height, b.height, f"height of view {a.id}", where),
    )


def _projection(a: Projection, b: Projection, where: str) -> Projection:
    """The one that tells more: PA and AP are both frontal."""
    told = {a, b} - {"UNKNOWN"}
    if told & {"PA", "AP"}:
        told -= {"FRONTAL"}
    if len(told) > 1:
        raise RecordError("two sources give a view different projections", where)
    return told.pop() if told else "UNKNOWN"


def _texts(a: Mapping[str, str], b: Mapping[str, str], where: str) -> dict[str, str]:
    for section in a.keys() & b.keys():
        _agree(a[section], b[section], f"text of section {section!r}", where)
    return {**a, **b}
