"""The simulated cohort as NIH ChestX-ray14 is on disk: frontal views only, PNG in two batches.

The table states eight times the size of the images as that of the originals; boxes are pixels of
1024 x 1024, as if the images had been made smaller since. Images of patients from 90001 on are
traps.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Box, Study, View
from radvlm.sources.phantom.releases.ids import numbers

ENTRIES = "Data_Entry_2017_v2020.csv"
BOXES = "BBox_List_2017.csv"
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
SCALE, SIDE = 8, 1024

LABELS = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Lung Lesion": "Nodule",
    "Pleural Effusion": "Effusion",
    "Pleural Other": "Pleural_Thickening",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
}
"""The cohort's findings in the release's words; the others it does not have."""

BOXED = frozenset(
    {"Atelectasis", "Cardiomegaly", "Effusion", "Nodule", "Pneumonia", "Pneumothorax"}
)
"""What the release has boxes of."""

_TRAPS = (
    "missing_image",
    "unknown_label",
    "contradicting_rows",
    "impossible_age",
    "infiltrate",
    "box_outside",
    "box_empty",
    "box_unknown_label",
    "box_without_image",
)
_OUTSIDE = "../../outside.png"


def patient_id(name: str) -> str:
    """A number without leading zeros."""
    return str(numbers(name)[0] + 1)


def image_id(view: View) -> str:
    """Patient and follow-up number; the image's file without its ending."""
    return f"{int(patient_id(view.id)):08d}_{numbers(view.id)[1] - 1:03d}"


def trap_image(trap: str) -> str:
    """The image a trap is planted in."""
    return f"{90001 + _TRAPS.index(trap):08d}_000"


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into the new folder ``out``; returns trap → names of images.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(read_studies(cohort / "studies.parquet"))
    frontals = [(s, v) for s in studies for v in s.views if v.projection != "LATERAL"]
    lists: dict[str, list[str]] = {"train_val_list.txt": [], "test_list.txt": []}
    with atomic_folder(out) as aside:
        for position, (study, view) in enumerate(frontals):
            name = f"{image_id(view)}.png"
            _copy(cohort / view.path, aside, name, position % 2)
            lists["test_list.txt" if study.split == "test" else "train_val_list.txt"].append(name)
        entries = [_entry(study, view) for study, view in frontals]
        boxes = [line for study, view in frontals for line in _box_lines(study, view)]
        planted = _plant(entries, boxes, lists["train_val_list.txt"])
        for trap in _TRAPS:
            if trap not in ("missing_image", "box_without_image"):
                _copy(cohort / frontals[0][1].path, aside, f"{trap_image(trap)}.png", 1)
        _save(aside / ENTRIES, [HEADER, *entries], "utf-8-sig", "\r\n")
        _save(aside / BOXES, [BOX_HEADER, *boxes])
        for name, images in lists.items():
            _save(aside / name, images)
    return planted


def findings_of(study: Study) -> list[str]:
    """What the release can say of a study of the cohort."""
    present = [f.name for f in study.findings if f.status == "present" and f.name in LABELS]
    return [LABELS[name] for name in present] or ["No Finding"]


def _entry(study: Study, view: View) -> str:
    labels = "|".join(findings_of(study))
    size = f"{SCALE * (view.width or 0)},{SCALE * (view.height or 0)}"
    follow_up = numbers(study.id)[1] - 1
    about = f"{int(study.age or 0)},{study.sex},{view.projection}"
    patient = patient_id(study.id)
    return f"{image_id(view)}.png,{labels},{follow_up},{patient},{about},{size},0.143,0.143"


def _box_lines(study: Study, view: View) -> Iterator[str]:
    for finding in study.findings:
        label = LABELS.get(finding.name)
        if label in BOXED and finding.view == view.id:
            yield from (_box_line(f"{image_id(view)}.png", label, box) for box in finding.boxes)


def _box_line(name: str, label: str, box: Box) -> str:
    corner = f"{box.x1 * SIDE},{box.y1 * SIDE}"
    return f"{name},{label},{corner},{(box.x2 - box.x1) * SIDE},{(box.y2 - box.y1) * SIDE},,,"


def _plant(entries: list[str], boxes: list[str], listed: list[str]) -> dict[str, list[str]]:
    """Images of their own, and rows of the cohort a second time."""
    twice, boxes_twice = entries[1 % len(entries)], boxes[:1]
    planted = {
        "duplicated_row": [twice.partition(",")[0]],
        "duplicated_box": [line.partition(",")[0] for line in boxes_twice],
        "escaping_path": [_OUTSIDE],
    }
    drawn = {
        "infiltrate": "Infiltrate,512,256,256,128",
        "box_outside": "Mass,1100,10,20,20",
        "box_empty": "Mass,100,10,0,20",
        "box_unknown_label": "Tumour,100,10,20,20",
        "box_without_image": "Mass,100,10,20,20",
    }
    labels = {"unknown_label": "Effusion|Tumour", "infiltrate": "Infiltration"}
    for trap in _TRAPS:
        name = f"{trap_image(trap)}.png"
        planted[trap] = [name]
        age = 414 if trap == "impossible_age" else 50
        line = f"{name},{{}},0,{int(name[:8])},{age},F,PA,512,512,0.143,0.143"
        if trap != "box_without_image":
            entries.append(line.format(labels.get(trap, "No Finding")))
            listed.append(name)
        if trap == "contradicting_rows":
            entries.append(line.format("Hernia"))
        if trap in drawn:
            boxes.append(f"{name},{drawn[trap]},,,")
    entries.append(f"{_OUTSIDE},No Finding,0,90099,50,F,PA,512,512,0.143,0.143")
    entries.append(twice)
    boxes += boxes_twice
    return planted


def _copy(image: Path, out: Path, name: str, batch: int) -> None:
    folder = out / f"images_{batch + 1:03d}" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(image, folder / name)


def _save(path: Path, lines: Sequence[str], encoding: str = "utf-8", ending: str = "\n") -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding, newline=ending)
