"""From what is drawn to CheXpert's fourteen labels.

The rules, after the label tree of Irvin et al. 2019:

- Atelectasis, Consolidation, Edema, Lung Lesion and Pneumonia are Lung Opacity too; a Lung Opacity
  drawn by itself is an unspecific haze.
- Cardiomegaly is an Enlarged Cardiomediastinum too; drawn by itself, that is a wide mediastinum.
- Any device makes Support Devices present.
- No Finding is present if and only if none of the other labels but Support Devices is.
"""

from __future__ import annotations

from collections.abc import Collection

from radvlm.records import Status
from radvlm.vocabulary import CHEXPERT_14, DEVICES, NO_FINDING, SUPPORT_DEVICES

PARENTS: dict[str, str] = {
    "Atelectasis": "Lung Opacity",
    "Consolidation": "Lung Opacity",
    "Edema": "Lung Opacity",
    "Lung Lesion": "Lung Opacity",
    "Pneumonia": "Lung Opacity",
    "Cardiomegaly": "Enlarged Cardiomediastinum",
    **dict.fromkeys(DEVICES, SUPPORT_DEVICES),
}
"""What each finding or device is besides itself."""

DRAWN: tuple[str, ...] = tuple(n for n in CHEXPERT_14 if n not in {NO_FINDING, SUPPORT_DEVICES})
"""The findings that can be drawn."""


def statuses(drawn: Collection[str]) -> dict[str, Status]:
    """Status of all fourteen labels, given the findings and devices that are drawn."""
    present = {*drawn, *(PARENTS[name] for name in drawn if name in PARENTS)}
    if not present & set(DRAWN):
        present.add(NO_FINDING)
    return {name: "present" if name in present else "absent" for name in CHEXPERT_14}


def children(name: str) -> set[str]:
    """The findings or devices that imply ``name``."""
    return {child for child, parent in PARENTS.items() if parent == name}
