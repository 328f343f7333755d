"""NIH ChestX-ray14: 112,120 frontal radiographs of 30,805 patients, 14 labels mined from reports.

In: the folder with ``Data_Entry_2017_v2020.csv`` (or ``Data_Entry_2017.csv``), the boxes
``BBox_List_2017.csv``, the lists of the official split, and the images in ``images/`` or
``images_001/images/`` … Out: one study an image, since what belongs to one examination is not
told.

The list of labels is closed: what an image's cell does not name was not found in its report (origin
``text_mined``). Names are the release's, but those of CheXpert's where it means the same. Boxes
(origin ``radiologist``) are pixels of the released image, which is 1024 x 1024 whatever the size
the table gives of the original. Wang et al. 2017.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from radvlm.errors import InputError, RecordError, TableError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Box, Finding, Projection, Split, Study, View
from radvlm.sources.nih_labels import DRAWN, SIDE, box_of, box_rows, findings_of
from radvlm.sources.release import Below, Row, find_table, need_table, of_slice, read_table, rows
from radvlm.sources.told import CONTRADICTING, told_once

ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
BOXES = "BBox_List_2017.csv"
LISTS: dict[str, Split] = {"train_val_list.txt": "train", "test_list.txt": "test"}
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID")
_ABOUT = ("Patient Age", "Patient Gender", "Patient Sex", "View Position")
_PROJECTIONS: dict[str, Projection] = {"PA": "PA", "AP": "AP"}
_NAME = re.compile(r"\d+_\d+\.\w+")
_ENDINGS = (".jpeg", ".jpg", ".png")
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_HOW = "nihcc.app.box.com/v/ChestXray-NIHCC; free, no restrictions, cite and name the NIH"

Boxed = Mapping[str, tuple[Finding, ...]]


class NihCxr14Source:
    """The released images, one study each."""

    name = "nih_cxr14"
    family = "nih"
    access: Access = "open"
    licence = "no restrictions on use; name the NIH Clinical Center, cite, link to the download"
    citation = (
        "Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. 2017. ChestX-ray8: Hospital-scale "
        "chest X-ray database and benchmarks. CVPR"
    )
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """The table, the images, the boxes and the split."""
        images = "images_001" if (self.root / "images_001").is_dir() else "images"
        return [
            SourceFile(ENTRIES[0], True, f"or {ENTRIES[1]}; {_HOW}"),
            SourceFile(images, True, f"all in images, or in images_001 to images_012; {_HOW}"),
            SourceFile(BOXES, False, f"boxes of 880 images; {_HOW}"),
            *(SourceFile(name, False, f"the official split; {_HOW}") for name in LISTS),
        ]

    def withheld(self) -> frozenset[str]:
        """Nobody: the test set has patients of its own."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every image that can be used, by patient and image.

        Raises:
            TableError: a table or a list is missing or damaged, or an image is in both lists.
        """
        self.quarantine.clear()
        below = Below(self.root)
        images = _images(below.root)
        splits = _splits(self.root)
        table = read_table(need_table(self.root, *ENTRIES), _COLUMNS, _ABOUT)
        boxed = self._boxes(table, part)
        torn = _torn(table)
        ordered = rows(of_slice(table, "Patient ID", part), "Patient ID", "Image Index")
        for _, group in groupby(ordered, key=itemgetter("Patient ID", "Image Index")):
            told, repeated = told_once(group, itemgetter("Image Index"))
            for image, reason in repeated:
                self._leave_out(image, reason)
            for row in told:
                image = row["Image Index"]
                try:
                    if image in torn:
                        raise RecordError(CONTRADICTING)
                    path = below.file(images.get(_stem(image), image))
                    study = self._study(row, path, splits.get(image), boxed.get(image, ()))
                except InputError as error:
                    self._leave_out(image, error.what)
                else:
                    yield study

    def _study(self, row: Row, path: str, split: Split | None, boxed: tuple[Finding, ...]) -> Study:
        """The study of a row.

        Raises:
            RecordError: a label or the image's name is none of the release's, or there is no
                patient.
        """
        if not row["Patient ID"].strip():
            raise RecordError("the patient is missing")
        if not _NAME.fullmatch(row["Image Index"]):
            raise RecordError("the image's name is none of the release's")
        name = _stem(row["Image Index"])
        projection = _PROJECTIONS.get(row["View Position"].strip(), "FRONTAL")
        sex = row["Patient Gender"].strip() or row["Patient Sex"].strip()
        return Study(
            family=self.family,
            sources=(self.name,),
            id=name,
            patient=row["Patient ID"],
            split=split,
            access=self.access,
            views=(View(name, path, projection, SIDE, SIDE),),
            findings=(*findings_of(row["Finding Labels"]), *boxed),
            sex=sex if sex in {"F", "M"} else None,
            age=age_of(row["Patient Age"]),
        )

    def _boxes(self, table: pa.Table, part: Slice) -> Boxed:
        """The findings with boxes of each image, of all patients."""
        path = find_table(self.root, BOXES)
        if path is None:
            return {}
        listed = [row for row in box_rows(path) if any(row)]
        names = pa.array(sorted({row[0] for row in listed}), pa.string())
        known = table.filter(pc.is_in(table["Image Index"], names))
        patients = dict(
            zip(known["Image Index"].to_pylist(), known["Patient ID"].to_pylist(), strict=True)
        )
        found: dict[tuple[str, str], list[Box]] = {}
        kept, repeated = told_once(listed, "\0".join)
        problems = [(row.partition("\0")[0], reason) for row, reason in repeated]
        for row in kept:
            try:
                if row[0] not in patients:
                    raise RecordError("a box of an image that the table does not hold")
                label, box = box_of(row)
                found.setdefault((row[0], label), []).append(box)
            except RecordError as error:
                problems.append((row[0], error.what))
        for image, reason in problems:
            if patients.get(image, image) in part:
                self._leave_out(image, reason)
        boxed: dict[str, tuple[Finding, ...]] = {}
        for (image, label), boxes in found.items():
            finding = Finding(label, "present", DRAWN, _stem(image), tuple(boxes))
            boxed[image] = (*boxed.get(image, ()), finding)
        return boxed

    def _leave_out(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def age_of(cell: str) -> float | None:
    """Years of ``58`` or ``058Y`` (``M``, ``W``, ``D``: months, weeks, days); none if impossible.

    The table of 2017 has ages of up to 414 years.
    """
    cell = cell.strip()
    unit = _YEARS.get(cell[-1:], 0.0)
    try:
        age = float(cell[:-1]) * unit if unit else float(cell)
    except ValueError:
        return None
    return age if 0 <= age < 120 else None


def _torn(table: pa.Table) -> frozenset[str]:
    """The images that the table gives to several patients."""
    pairs = table.group_by(["Image Index", "Patient ID"]).aggregate([])
    counts = pairs.group_by("Image Index").aggregate([([], "count_all")])
    return frozenset(counts.filter(pc.greater(counts["count_all"], 1))["Image Index"].to_pylist())


def _splits(root: Path) -> dict[str, Split]:
    """The split of each image, where the lists are."""
    found: dict[str, Split] = {}
    for name, split in LISTS.items():
        path = root / name
        if not path.is_file():
            continue
        try:
            listed = path.read_text("utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise TableError("the list cannot be read", path, "Get the file anew") from error
        if not found.keys().isdisjoint(listed):
            raise TableError("lists images of the other split", path, "Get both lists anew")
        found |= dict.fromkeys(listed, split)
    return found


def _images(root: Path) -> dict[str, str]:
    """The images by name without ending, relative to the root; PNG where there is also another."""
    folders = [path for path in sorted(root.glob("images*/images")) if path.is_dir()]
    found: dict[str, str] = {}
    for folder in [*folders, *(path for path in [root / "images"] if path.is_dir())]:
        names = os.listdir(folder)
        base = os.path.relpath(folder, root)
        for ending in _ENDINGS:
            found |= {_stem(n): f"{base}/{n}" for n in names if n.endswith(ending)}
    return found


def _stem(image: str) -> str:
    return os.path.splitext(image)[0]
