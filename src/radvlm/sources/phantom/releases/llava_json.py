"""The simulated cohort as conversations in the LLaVA format.

``instructions.json`` (a list) and ``instructions.jsonl`` (the same items a line, with a byte-order
mark, CRLF and a broken last line) beside the images. A third of the patients have image paths of
MIMIC-CXR, a third of CheXpert, a third of no known release. Coordinates are written as the
published set has them: two decimals at most, ``0.3`` and not ``0.30``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Box, Study
from radvlm.sources.phantom.releases.ids import mimic_dicom, mimic_folder, numbers

Traps = dict[str, list[str]]
Item = dict[str, Any]

_SMALLEST = 0.03


def image_of(view: str) -> str:
    """The path of a view of the cohort; the patient's number decides the release it looks like."""
    patient, study, number = numbers(view)
    if patient % 3 == 0:
        return f"{mimic_folder(view)}/{mimic_dicom(view)}.jpg"
    if patient % 3 == 1:
        return f"train/patient{patient:05d}/study{study}/view{number}_frontal.jpg"
    return f"others/{view}.png"


def write(cohort: Path, out: Path) -> Traps:
    """Write images and items into the new folder ``out``; returns trap → ids of its items.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(read_studies(cohort / "studies.parquet"))
    items = [item for study in studies for item in _items(study)]
    traps: Traps = {"duplicated": [items[1]["id"]]}
    items.append(items[1])
    for name, item in _trap_items(items[0]).items():
        items.append({**item, "id": f"trap_{name}"})
        traps[name] = [f"trap_{name}"]
    traps["broken_line"] = [f"item {len(items) + 1}"]
    with atomic_folder(out) as aside:
        for study in studies:
            target = aside / image_of(study.views[0].id)
            target.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(cohort / study.views[0].path) as image:
                image.save(target, quality=95)
        (aside / "instructions.json").write_text(json.dumps(items, indent=1), encoding="utf-8")
        lines = [json.dumps(item) for item in items]
        text = "\r\n".join([*lines[:1], "", *lines[1:], lines[0][:-9]])
        (aside / "instructions.jsonl").write_text(text, encoding="utf-8-sig", newline="")
    return traps


def _items(study: Study) -> Iterator[Item]:
    """A grounded conversation and a report, both about the frontal view."""
    view = study.views[0].id
    rounds = []
    for region in study.regions[:2]:
        where = _written([region.box])
        rounds += [f"Where is the {region.name}?", f"The {region.name} is located at {where}."]
    for finding in study.findings:
        if boxes := large(finding.boxes):
            reply = f"Yes, at {_written(boxes)} there is something."
            rounds += [f"Is there {finding.name}?", reply]
    if rounds:
        yield _item(f"grounded_{view}", view, rounds)
    yield _item(f"report_{view}", view, ["Describe the image.", study.texts["findings"]])


def large(boxes: Sequence[Box]) -> list[Box]:
    """The boxes that are still boxes when rounded to two decimals."""
    return [b for b in boxes if b.x2 - b.x1 > _SMALLEST and b.y2 - b.y1 > _SMALLEST]


def _written(boxes: Sequence[Box]) -> str:
    each = [str([round(v, 2) for v in (b.x1, b.y1, b.x2, b.y2)]) for b in boxes]
    return " and ".join(filter(None, [", ".join(each[:-1]), *each[-1:]]))


def _item(name: str, view: str, rounds: Sequence[str]) -> Item:
    said = [
        {"from": "gpt" if number % 2 else "human", "value": text}
        for number, text in enumerate(rounds)
    ]
    said[0]["value"] = f"<image>\n{said[0]['value']}"
    return {"id": name, "image": image_of(view), "conversations": said, "labels": ["Edema"]}


def _trap_items(good: Item) -> dict[str, Item]:
    question, reply = good["conversations"][:2]
    flat = {"from": "gpt", "value": "It is at [0.5, 0.2, 0.5, 0.9]."}
    return {
        "missing_image": {**good, "image": "others/gone.png"},
        "escaping_image": {**good, "image": "../outside.jpg"},
        "absolute_image": {**good, "image": "/etc/hostname"},
        "nul_image": {**good, "image": "others/a\0.png"},
        "several_images": {**good, "image": [good["image"], good["image"]]},
        "no_image": {**good, "image": None},
        "no_conversation": {**good, "conversations": None},
        "not_by_turns": {**good, "conversations": [question, question, reply]},
        "unknown_role": {**good, "conversations": [question, {"from": "doctor", "value": "a"}]},
        "empty_turn": {**good, "conversations": [{"from": "human", "value": "<image>"}, reply]},
        "no_box": {**good, "conversations": [question, flat]},
    }
