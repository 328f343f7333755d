"""Where report, list, boxes and the plain question disagree: said in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from radvlm.reading.record import FoundFinding, Reading, Side
from radvlm.records import Box, Status
from radvlm.tasks.facts import side_of

_MIDDLE = 0.05
"""How far over the middle of the image a box may reach and still be on one side."""

_DOUBT = 0.5


def contradictions(
    reading: Reading, listed: Sequence[str], told: Mapping[str, Status]
) -> tuple[str, ...]:
    """All that is found.

    Args:
        reading: with its sentences and findings.
        listed: names of the list of abnormalities.
        told: what the report says of the labels.
    """
    return (
        *_report_and_list(listed, told),
        *_sides(reading),
        *(line for one in reading.present for line in _alone(one)),
    )


def side_of_boxes(boxes: Sequence[Box]) -> Side | None:
    """The patient's side of some boxes on a frontal image; none where one lies over the middle."""
    sides = {_side(box) for box in boxes}
    if not sides or None in sides:
        return None
    return "both" if len(sides) == 2 else next(iter(sides))


def _side(box: Box) -> Side | None:
    """The patient's right is the left of the picture."""
    if box.x2 <= 0.5 + _MIDDLE:
        return "right"
    return "left" if box.x1 >= 0.5 - _MIDDLE else None


def _report_and_list(listed: Sequence[str], told: Mapping[str, Status]) -> Iterator[str]:
    for name in listed:
        if told.get(name) == "absent":
            yield f"{name} is listed, but the report denies it"
    for name, status in told.items():
        if status == "present" and name not in listed:
            yield f"{name} is in the report, but not listed"


def _sides(reading: Reading) -> Iterator[str]:
    """Sentences that say one side where the boxes lie on the other."""
    for one in reading.present:
        said = None if one.sentence is None else side_of(reading.sentences[one.sentence].text)
        seen = side_of_boxes(one.boxes)
        if said and seen and said != seen:
            yield f"{one.name} is said to be on the {said}, but its boxes are on the {seen}"
    for line in reading.sentences:
        said, seen = side_of(line.text), side_of_boxes(line.boxes)
        if line.findings and said and seen and "both" not in (said, seen) and said != seen:
            yield f"a sentence speaks of the {said}, but points to the {seen}"


def _alone(finding: FoundFinding) -> Iterator[str]:
    if finding.confidence is not None and finding.confidence < _DOUBT:
        yield f"{finding.name} is present, but asked alone the model rather denies it"
