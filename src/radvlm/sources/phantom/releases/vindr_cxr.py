"""The simulated cohort as VinDr-CXR is on disk: DICOM, two tables a split, three readers.

Every frontal view is an image of its own; studies to validate on are among the training images.
The readers of an image draw around the truth, so that the mean of their boxes is the truth. DICOM
has the cohort's own size, which is what the boxes are in.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.protocols import Pixels
from radvlm.records import FRONTAL, Box, Study, View

CLASSES = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Enlarged Cardiomediastinum": "Other lesion",
    "Fracture": "Rib fracture",
    "Lung Lesion": "Nodule/Mass",
    "Lung Opacity": "Lung Opacity",
    "Pleural Effusion": "Pleural effusion",
    "Pleural Other": "Pleural thickening",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
}
"""The cohort's findings in the words of the release; Pneumonia has no boxes there."""

_HEADER = (
    "Aortic enlargement,Atelectasis,Calcification,Cardiomegaly,Clavicle fracture,Consolidation,"
    "Edema,Emphysema,Enlarged PA,ILD,Infiltration,Lung Opacity,Lung cavity,Lung cyst,"
    "Mediastinal shift,Nodule/Mass,Pleural effusion,Pleural thickening,Pneumothorax,"
    "Pulmonary fibrosis,Rib fracture,Other lesion,COPD,Lung tumor,Pneumonia,Tuberculosis"
)
HEADER = _HEADER.split(",")
OVER_EDGE, MISSING, DAMAGED, CONTRADICTED = (f"{0xDEAD0000 + n:032x}" for n in range(4))
OUTSIDE = "../../outside"

Cells = list[str]
Corners = tuple[float, float, float, float]


def image_id(view: str) -> str:
    """Thirty-two hexadecimal digits."""
    return hashlib.sha256(view.encode()).hexdigest()[:32]


@dataclass(slots=True)
class Tables:
    """The rows of the tables of one split."""

    boxes: list[Cells] = field(default_factory=list)
    labels: list[Cells] = field(default_factory=list)

    def add(
        self,
        image: str,
        readers: Sequence[str],
        drawn: Sequence[tuple[str, Sequence[Corners]]],
        seen: Sequence[str],
    ) -> None:
        """Each reader's rows about an image.

        Args:
            image: its id.
            readers: their ids, ``R8`` …; one empty one for the consensus.
            drawn: classes, each with one box in pixels a reader.
            seen: all classes that are there, those without boxes too.
        """
        for number, reader in enumerate(readers):
            for name, boxes in drawn:
                corners = [f"{value:.4f}" for value in boxes[number]]
                self.boxes.append([image, reader, name, *corners])
            if not drawn:
                self.boxes.append([image, reader, "No finding", "", "", "", ""])
            cells = [str(int(name in seen)) for name in HEADER]
            self.labels.append([image, reader, *cells, "0", str(int(not seen))])


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into the new folder ``out``; returns trap → image ids.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(read_studies(cohort / "studies.parquet"))
    tables = {"train": Tables(), "test": Tables()}
    with atomic_folder(out) as aside:
        for split in tables:
            (aside / split).mkdir()
        planted = _write_images(cohort, aside, studies)
        images = list(_images(studies))
        for number, (study, view) in enumerate(images):
            _describe(tables, number, study, view)
        planted |= _disagree(tables["train"]) | _plant(tables["train"], aside)
        (aside / "annotations").mkdir()
        for split, about in tables.items():
            _write_tables(aside / "annotations", split, about)
    return planted


def _images(studies: Sequence[Study]) -> Iterator[tuple[Study, View]]:
    for study in studies:
        yield from ((study, view) for view in study.views if view.projection in FRONTAL)


def _folder(study: Study) -> str:
    return "test" if study.split == "test" else "train"


def _write_images(cohort: Path, out: Path, studies: Sequence[Study]) -> dict[str, list[str]]:
    planted: dict[str, list[str]] = {"monochrome1": [], "windowed": []}
    for number, (study, view) in enumerate(_images(studies)):
        name = image_id(view.id)
        kind = {1: "monochrome1", 2: "windowed"}.get(number % 5)
        with Image.open(cohort / view.path) as image:
            save_dicom(np.asarray(image, np.uint8), out / _folder(study) / f"{name}.dicom", kind)
        if kind:
            planted[kind].append(name)
    return planted


def save_dicom(pixels: Pixels, path: Path, kind: str | None = None) -> None:
    """Twelve-bit grey, of ``kind`` ``monochrome1`` or ``windowed`` over all its values."""
    stored = pixels.astype(np.uint16) * 16
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = DigitalXRayImageStorageForPresentation
    made.SOPInstanceUID = f"2.25.{int(hashlib.sha256(path.name.encode()).hexdigest()[:24], 16)}"
    made.Rows, made.Columns = stored.shape
    made.SamplesPerPixel, made.PixelRepresentation = 1, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.PhotometricInterpretation = "MONOCHROME2"
    if kind == "monochrome1":
        made.PhotometricInterpretation = "MONOCHROME1"
        stored = np.uint16(4095) - stored
    if kind == "windowed":
        made.WindowCenter, made.WindowWidth = 2040.5, 4081
    made.PixelData = stored.tobytes()
    made.save_as(path, enforce_file_format=True)


def _describe(tables: dict[str, Tables], number: int, study: Study, view: View) -> None:
    """What is to be said of a view: by three readers, or the consensus."""
    split = _folder(study)
    readers = [""]
    if split == "train":
        readers = [f"R{1 + (number + step) % 17}" for step in (0, 6, 11)]
    present = [f for f in study.findings if f.status == "present" and f.name in CLASSES]
    drawn = [
        (CLASSES[f.name], _around(box, view, readers))
        for f in present
        if f.view == view.id and CLASSES[f.name] != "Pneumonia"
        for box in f.boxes
    ]
    tables[split].add(image_id(view.id), readers, drawn, [CLASSES[f.name] for f in present])


def _around(box: Box, view: View, readers: Sequence[str]) -> list[Corners]:
    """A box as each reader draws it, moved by up to 2 % of its width; the mean is the box."""
    width, height = float(view.width or 0), float(view.height or 0)
    room = min(box.x1, 1 - box.x2, 0.02 * (box.x2 - box.x1))
    moves = (0.0, room, -room)[: len(readers)]
    return [
        ((box.x1 + m) * width, box.y1 * height, (box.x2 + m) * width, box.y2 * height)
        for m in moves
    ]


def _disagree(tables: Tables) -> dict[str, list[str]]:
    """The first reader of the third image with boxes sees nothing, and then the damaged rows."""
    boxed = list(dict.fromkeys(row[0] for row in tables.boxes if row[3]))
    if not boxed:
        return {}
    images = [boxed[number % len(boxed)] for number in range(6)]
    image = images[2]
    reader = next(row[1] for row in tables.boxes if row[0] == image)
    own = [row for row in tables.boxes if row[:2] == [image, reader]]
    tables.boxes = [row for row in tables.boxes if row not in own]
    tables.boxes.append([image, reader, "No finding", "", "", "", ""])
    for row in tables.labels:
        if row[:2] == [image, reader]:
            row[2:] = ["0"] * (len(row) - 3) + ["1"]
    twice, degenerate, outside = (
        next(row for row in tables.boxes if row[0] == name and row[3]) for name in images[3:6]
    )
    tables.boxes += [
        list(twice),
        [*degenerate[:3], "5.0", "9.0", "5.0", "12.0"],
        [*outside[:3], "9000.0", "10.0", "9100.0", "20.0"],
    ]
    return {
        "disagreeing_reader": [image],
        "duplicated_row": [images[3]],
        "degenerate_box": [images[4]],
        "box_outside": [images[5]],
    }


def _plant(tables: Tables, out: Path) -> dict[str, list[str]]:
    """Images of their own: a box over the edge, and what cannot be read."""
    readers = ["R1", "R2", "R3"]
    flat = np.tile(np.arange(48, dtype=np.uint8), (64, 1))
    for image in (OVER_EDGE, DAMAGED, CONTRADICTED):
        save_dicom(flat, out / "train" / f"{image}.dicom")
    path = out / "train" / f"{DAMAGED}.dicom"
    path.write_bytes(path.read_bytes()[:200])
    edge = [("Aortic enlargement", [(-20.0, -10.0, 12.0, 16.0)] * 3)]
    for image in (OVER_EDGE, DAMAGED, MISSING, OUTSIDE):
        tables.add(image, readers, edge, ["Aortic enlargement"])
    tables.add(CONTRADICTED, readers, [], [])
    tables.labels.append([CONTRADICTED, "R1", *["1"] * len(HEADER), "0", "0"])
    return {
        "box_over_edge": [OVER_EDGE],
        "damaged_image": [DAMAGED],
        "missing_image": [MISSING],
        "escaping_path": [OUTSIDE],
        "contradicting_labels": [CONTRADICTED],
    }


def _write_tables(folder: Path, split: str, tables: Tables) -> None:
    """The tables of a split; that of the training boxes has a byte-order mark and CRLF."""
    train = split == "train"
    reader = ["rad_id"] if train else []
    head = ["image_id", *reader, "class_name", "x_min", "y_min", "x_max", "y_max"]
    _save(folder / f"annotations_{split}.csv", head, tables.boxes, marked=train)
    other = "Other diseases" if train else "Other disease"
    head = ["image_id", *reader, *HEADER, other, "No finding"]
    _save(folder / f"image_labels_{split}.csv", head, tables.labels)


def _save(path: Path, head: Cells, table: Sequence[Cells], marked: bool = False) -> None:
    """Rows below a header; the reader's cell is left out where the header has none."""
    named = "rad_id" in head
    encoding, end = ("utf-8-sig", "\r\n") if marked else ("utf-8", "\n")
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, lineterminator=end)
        writer.writerow(head)
        writer.writerows(row if named else [row[0], *row[2:]] for row in table)
