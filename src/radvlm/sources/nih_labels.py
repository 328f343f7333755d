"""NIH ChestX-ray14's labels and boxes, cell by cell.

Names are the release's, but those of CheXpert's where it means the same. The list of labels is
closed: what an image's cell does not name was not found in its report.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from radvlm.boxes import from_pixels
from radvlm.errors import RecordError, TableError
from radvlm.records import Box, Finding
from radvlm.vocabulary import NO_FINDING

SIDE = 1024
"""Width and height in pixels of the released images, which the boxes are in."""

LABELS = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Effusion": "Pleural Effusion",
    "Emphysema": "Emphysema",
    "Fibrosis": "Fibrosis",
    "Hernia": "Hernia",
    "Infiltration": "Infiltration",
    "Mass": "Mass",
    "No Finding": NO_FINDING,
    "Nodule": "Nodule",
    "Pleural_Thickening": "Pleural_Thickening",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
}
"""The release's labels and how they are named here."""

BOXED = {**LABELS, "Infiltrate": "Infiltration"}
"""The same in the list of boxes."""

MINED, DRAWN = "text_mined", "radiologist"


@lru_cache(maxsize=65536)
def findings_of(cell: str) -> tuple[Finding, ...]:
    """All labels, present if the cell names them; nothing where it is empty.

    Raises:
        RecordError: it names one that the release does not have, or a finding besides none.
    """
    named = {label.strip() for label in cell.split("|")} - {""}
    if named - LABELS.keys():
        raise RecordError("a label is none of the release's")
    if NO_FINDING in named and len(named) > 1:
        raise RecordError("there is a finding besides No Finding")
    if not named:
        return ()
    return tuple(
        Finding(name, "present" if label in named else "absent", MINED)
        for label, name in LABELS.items()
    )


def box_rows(path: Path) -> list[list[str]]:
    """Image, label, x, y, width and height of each box.

    The header has a comma inside of its brackets and three columns without a name.
    """
    try:
        with (
            pa.input_stream(path) as stream,
            io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text,
        ):
            header, *listed = csv.reader(text)
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise TableError("the table cannot be read", path, "Get the file anew") from error
    if header[:2] != ["Image Index", "Finding Label"]:
        raise TableError("is no list of boxes", path, "Get the file anew")
    return [row[:6] for row in listed]


def box_of(row: Sequence[str]) -> tuple[str, Box]:
    """The name and the box of a row.

    Raises:
        RecordError: a label is unknown, a number none, or the box empty or outside of the image.
    """
    if row[1] not in BOXED:
        raise RecordError("a box has a label that is none of the release's")
    try:
        x, y, width, height = map(float, row[2:6])
    except ValueError:
        raise RecordError("a box has no four numbers") from None
    return BOXED[row[1]], from_pixels((x, y, x + width, y + height), SIDE, SIDE)
