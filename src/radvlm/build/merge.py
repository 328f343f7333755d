"""``merge``: what several sources say of one study becomes one study."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypeVar

from radvlm.errors import RecordError
from radvlm.io.egress import strictest
from radvlm.records import Study, View

T = TypeVar("T")


def merge(studies: Iterable[Study]) -> list[Study]:
    """Join reports, labels, boxes and regions by family, study and view id, in order of arrival.

    Raises:
        RecordError: two sources contradict each other on patient, split, a text or a view.
    """
    joined: dict[tuple[str, str], Study] = {}
    for study in studies:
        key = (study.family, study.id)
        joined[key] = _join(joined[key], study) if key in joined else study
    return list(joined.values())


def _join(a: Study, b: Study) -> Study:
    where = f"{a.family} study {a.id}"
    return dataclasses.replace(
        a,
        sources=tuple(dict.fromkeys(a.sources + b.sources)),
        patient=_agree(a.patient, b.patient, "patient", where),
        split=_agree(a.split, b.split, "split", where),
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
        if known.setdefault(view.id, view) != view:
            raise RecordError(f"two sources describe view {view.id} differently", where)
    return tuple(known.values())


def _texts(a: Mapping[str, str], b: Mapping[str, str], where: str) -> dict[str, str]:
    for section in a.keys() & b.keys():
        _agree(a[section], b[section], f"text of section {section!r}", where)
    return {**a, **b}
