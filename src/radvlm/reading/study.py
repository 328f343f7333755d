"""The reading of a study: each frontal view read alone, side by side, and what they say together.

Our tasks ask of frontal views, so laterals are named and not read. Where views disagree the record
says so instead of choosing silently; an earlier examination is compared only by models that take
several images. The JSON is described by ``study.schema.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from radvlm import __version__
from radvlm.errors import InputError
from radvlm.protocols import Chat, Pixels
from radvlm.reading.reader import DECODING, Reader
from radvlm.reading.record import Reading, Record, Said
from radvlm.records import Status, Turn

MOST_VIEWS = 8
CHANGED = "The first image is the earlier examination, the second the current one. What changed?"
LATERAL = "this is a lateral view, and the model reads frontal views"
_FIRST: tuple[Status, ...] = ("present", "uncertain", "absent")


class StudyView(Record):
    """One image of the study: its reading, or the reason why it was not read.

    ``projection`` is that of a DICOM's header, none where the file does not say it; such an image
    is taken for a frontal view.
    """

    projection: str | None = None
    reason: str | None = None
    reading: Reading | None = None


class StudyFinding(Record):
    """A finding over all views read: present if any says so, else uncertain if any does.

    ``views`` are the indices of the views whose status this is.
    """

    name: str
    status: Status
    views: tuple[int, ...]


class StudyReading(Said):
    """What a model says of the images of one study, in their order.

    ``comparison`` is what the model says has changed since the prior image, none where there was
    none.
    """

    views: tuple[StudyView, ...]
    findings: tuple[StudyFinding, ...] = ()
    contradictions: tuple[str, ...] = ()
    comparison: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """An image to be read, uint8 [height, width], and its projection where that is known."""

    pixels: Pixels
    projection: str | None = None


def read_shot(reader: Reader, shot: Shot, *, force: bool = False) -> Reading:
    """The reading of one image; a lateral is refused as an image unlike the training's is."""
    if shot.projection != "LATERAL":
        return reader.read(shot.pixels, force=force)
    if force:
        forced = reader.read(shot.pixels, force=True)
        return forced.model_copy(update={"refusal": LATERAL, "forced": True})
    return reader.refused(shot.pixels, LATERAL)


def read_study(
    reader: Reader, shots: Sequence[Shot], *, prior: Shot | None = None, force: bool = False
) -> StudyReading:
    """Read the views of one study, and what has changed since the prior image.

    Raises:
        InputError: there are no views or too many, or the model reads no prior image.
    """
    if not 1 <= len(shots) <= MOST_VIEWS:
        raise InputError(f"a study has 1 to {MOST_VIEWS} images")
    if prior is not None:
        check_prior(reader)
    views = tuple(_view(read_shot(reader, one, force=force), one) for one in shots)
    info = reader.model.info
    return StudyReading(
        scope=info.scope,
        model=info.name,
        revision=info.revision,
        radvlm=__version__,
        views=views,
        findings=_together(views),
        contradictions=_against(views),
        comparison=None if prior is None else _changed(reader, prior, shots, views),
    )


def check_prior(reader: Reader) -> None:
    """``InputError`` where the model takes one image alone."""
    if reader.model.info.max_images < 2:
        raise InputError(
            "this model was taught one image at a time and reads no prior image",
            remedy="Read the images one by one and compare them yourself",
        )


def study_schema() -> dict[str, Any]:
    """The JSON schema of a study's reading."""
    return StudyReading.model_json_schema(mode="serialization")


def _view(reading: Reading, shot: Shot) -> StudyView:
    if reading.accepted:
        return StudyView(projection=shot.projection, reading=reading)
    return StudyView(projection=shot.projection, reason=reading.refusal)


def _said(views: Sequence[StudyView]) -> dict[str, dict[Status, tuple[int, ...]]]:
    """Of each finding the views that say each status, in the order they first name it."""
    said: dict[str, dict[Status, tuple[int, ...]]] = {}
    for index, view in enumerate(views):
        for one in view.reading.findings if view.reading else ():
            by_status = said.setdefault(one.name, {})
            by_status[one.status] = (*by_status.get(one.status, ()), index)
    return said


def _together(views: Sequence[StudyView]) -> tuple[StudyFinding, ...]:
    found = []
    for name, by_status in _said(views).items():
        status = min(by_status, key=_FIRST.index)
        found.append(StudyFinding(name=name, status=status, views=by_status[status]))
    return tuple(sorted(found, key=lambda one: _FIRST.index(one.status)))


def _against(views: Sequence[StudyView]) -> tuple[str, ...]:
    return tuple(
        f"{name} is {', but '.join(f'{status} on {_named(by_status[status])}' for status in order)}"
        for name, by_status in _said(views).items()
        if (order := sorted(by_status, key=_FIRST.index))[1:]
    )


def _named(indices: Sequence[int]) -> str:
    """Views as people count them."""
    return f"view{'s' if indices[1:] else ''} {', '.join(str(k + 1) for k in indices)}"


def _changed(
    reader: Reader, prior: Shot, shots: Sequence[Shot], views: Sequence[StudyView]
) -> str | None:
    """The comparison with the first view that was read; none where none was."""
    current = next((s for s, view in zip(shots, views, strict=True) if view.reading), None)
    if current is None:
        return None
    chat = Chat((prior.pixels, current.pixels), (Turn("user", (CHANGED,)),))
    return dict(reader.model.answer([chat], DECODING))[0].text.strip()
