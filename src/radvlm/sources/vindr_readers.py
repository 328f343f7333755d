"""What the readers of one VinDr-CXR image say, as findings.

In: the rows of the box table and of the label table about the image. Out: one finding for each
class asked for, with boxes where somebody drew them. The consensus of the test set is one reader
whose id is empty. Classes: Nguyen et al. 2022, Scientific Data 9:429, table 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from radvlm.boxes import from_pixels
from radvlm.errors import RecordError
from radvlm.records import Box, Finding, Status
from radvlm.sources.box_fusion import fuse
from radvlm.sources.release import Row, status_of
from radvlm.sources.told import spelled
from radvlm.vocabulary import NO_FINDING

KAGGLE = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
)
"""The classes of the competition, where a class without a box was not seen."""

LOCAL = (
    *KAGGLE,
    "Clavicle fracture",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Rib fracture",
)
GLOBAL = ("COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "No finding")
OTHER = ("Other disease", "Other diseases")
"""One class, spelled differently in the tables of train and test."""

_NAMES = {name: spelled(name) for name in (*LOCAL, *GLOBAL)} | dict.fromkeys(OTHER, OTHER[1])

CORNERS = ("x_min", "y_min", "x_max", "y_max")


@dataclass(slots=True)
class Said:
    """Who says what of one image.

    ``votes`` holds every class asked for and who sees it, ``boxes`` who drew what of a class, and
    ``problems`` why a box could not be used.
    """

    readers: list[str]
    votes: dict[str, set[str]] = field(default_factory=dict)
    boxes: dict[str, dict[str, list[Box]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def has_box(row: Row) -> bool:
    """Whether a row of the box table holds coordinates."""
    return any(row[corner].strip() for corner in CORNERS)


def listen(
    drawn: Sequence[Row],
    labels: Sequence[Row],
    asked: Sequence[str],
    size: tuple[int, int] | None,
) -> Said:
    """What the rows say, names as ``spelled``.

    Args:
        drawn: rows of the box table; one without coordinates says that its class is there.
        labels: rows of the label table, a column a class.
        asked: classes that are asked for whatever the label table says.
        size: width and height in pixels the boxes are in; needed where a row has a box.

    Raises:
        RecordError: a label cell is neither 0 nor 1.
    """
    said = Said(sorted({row["rad_id"] for row in (*drawn, *labels)}))
    said.votes = {_NAMES[column]: set() for column in asked}
    for row in labels:
        for column, name in _NAMES.items():
            if status := status_of(row[column]):
                voters = said.votes.setdefault(name, set())
                if status == "present":
                    voters.add(row["rad_id"])
    for row in drawn:
        name = _NAMES.get(row["class_name"]) or spelled(row["class_name"])
        said.votes.setdefault(name, set()).add(row["rad_id"])
        if size and has_box(row):
            try:
                box = _box(row, size)
            except RecordError as error:
                said.problems.append(error.what)
            else:
                said.boxes.setdefault(name, {}).setdefault(row["rad_id"], []).append(box)
    return said


def findings(
    said: Said, image: str, origin: str, threshold: float | None, votes: int
) -> Iterator[Finding]:
    """One finding a class without boxes; with boxes, one a fused box or one a reader.

    Args:
        said: what the readers say.
        image: the view's id.
        origin: who says what has no box, and draws what an unnamed reader drew.
        threshold: IoU of the fusion, or none to keep the readers' boxes apart.
        votes: how many readers make a class present; fewer, but one, make it uncertain.
    """
    needed = min(votes, len(said.readers))
    others = {name: voters for name, voters in said.votes.items() if name != NO_FINDING}
    for name, voters in sorted(others.items()):
        status: Status = "absent"
        if voters:
            status = "present" if len(voters) >= needed else "uncertain"
        drawn = said.boxes.get(name, {})
        if not drawn:
            yield Finding(name, status, origin, image)
        elif threshold is None:
            for reader, boxes in drawn.items():
                yield Finding(name, status, reader or origin, image, tuple(boxes))
        else:
            fused = fuse([drawn.get(reader, ()) for reader in said.readers], threshold)
            for box, share in fused:
                by = f"fused_{threshold:g}"
                yield Finding(name, status, by, image, (box,), confidence=share)
    if NO_FINDING in said.votes:
        nothing = said.votes[NO_FINDING] and not any(others.values())
        yield Finding(NO_FINDING, "present" if nothing else "absent", origin, image)


def _box(row: Row, size: tuple[int, int]) -> Box:
    try:
        x1, y1, x2, y2 = (float(row[corner]) for corner in CORNERS)
    except ValueError:
        raise RecordError("a coordinate of a box is no number") from None
    return from_pixels((x1, y1, x2, y2), *size)
