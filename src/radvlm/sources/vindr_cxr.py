"""VinDr-CXR 1.0.0: 18,000 PA radiographs, boxes and labels of three readers or a consensus of five.

In: the folder of the PhysioNet release (tables in ``annotations/`` or the root, images in
``train/`` and ``test/``), or that of the Kaggle competition (``train.csv``, ``train/``). Out: one
study an image, since patients are not published. Boxes are pixels of the DICOM's Rows and Columns,
read from the header where an image has boxes.

Images may have been converted to PNG or JPEG (in ``train/``, ``train_png/`` or ``train_jpg/``).
Their own size says nothing of the DICOM's, so a table ``sizes.csv`` in the root (image_id, width,
height of the DICOM) is needed then, unless ``full_size`` says that none was made smaller.

A class is present if enough readers see it, uncertain if fewer do, absent if none does although
asked. ``No Finding`` is present where a reader says so and nobody sees anything.
Nguyen et al. 2022, Scientific Data 9:429.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa

from radvlm.errors import InputError, RecipeError, RecordError, TableError
from radvlm.io.image import image_size
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Split, Study, View
from radvlm.sources.release import (
    Below,
    Row,
    find_table,
    need_table,
    of_slice,
    read_table,
    rows,
)
from radvlm.sources.told import told_once
from radvlm.sources.vindr_readers import (
    CORNERS,
    GLOBAL,
    KAGGLE,
    LOCAL,
    OTHER,
    findings,
    has_box,
    listen,
)

SIZES = "sizes.csv"
_KAGGLE = "train.csv"
_BOXES: dict[Split, tuple[str, ...]] = {
    "train": ("annotations/annotations_train.csv", "annotations_train.csv", _KAGGLE),
    "test": ("annotations/annotations_test.csv", "annotations_test.csv"),
}
_LABELS: dict[Split, tuple[str, ...]] = {
    "train": ("annotations/image_labels_train.csv", "image_labels_train.csv"),
    "test": ("annotations/image_labels_test.csv", "image_labels_test.csv"),
}
_ORIGINS: dict[Split, str] = {"train": "radiologist", "test": "consensus"}
_DICOM = (".dicom", ".dcm")
_CONVERTED = (".png", ".jpg", ".jpeg")
_HOW = "physionet.org/content/vindr-cxr, credentialed access and its data use agreement"

Told = tuple[str, Split, str, Row]
"""Image, split, kind of the table (``boxes``, ``kaggle``, ``labels``) and one row of it."""

Sizes = Mapping[str, tuple[int, int]]


class VindrCxrSource:
    """The released images, one study each.

    Args:
        root: the folder of the release.
        fusion: IoU above which boxes of the training readers become one (origin ``fused_0.5``,
            confidence the share of readers), or none to keep them apart (origin ``R8`` …).
        test_fusion: the same for the test set, whose boxes are a consensus already (origin
            ``consensus``); 0.1 is what the RadVLM paper did (origin ``fused_0.1``).
        votes: how many of an image's readers make a class present.
        full_size: converted images have as many pixels as the DICOMs.

    Raises:
        RecipeError: a threshold is not from 0 to below 1, or ``votes`` is below 1.
    """

    name = "vindr_cxr"
    family = "vindr"
    access: Access = "credentialed"
    licence = "PhysioNet Credentialed Health Data License 1.5.0"
    citation = (
        "Nguyen HQ, Lam K, Le LT, et al. 2022. VinDr-CXR: An open dataset of chest X-rays with "
        "radiologist's annotations. Scientific Data 9:429"
    )
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(
        self,
        root: str | Path,
        fusion: float | None = 0.5,
        test_fusion: float | None = None,
        votes: int = 1,
        full_size: bool = False,
    ) -> None:
        for threshold in (fusion, test_fusion):
            if threshold is not None and not 0 <= threshold < 1:
                raise RecipeError("a threshold of fusion is not from 0 to below 1", self.name)
        if votes < 1:
            raise RecipeError("votes is below 1", self.name)
        self.root = Path(root)
        self.fusion: dict[Split, float | None] = {"train": fusion, "test": test_fusion}
        self.votes = votes
        self.full_size = full_size
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """Two tables and a folder of images a split."""
        tables = [names[0] for names in (*_BOXES.values(), *_LABELS.values())]
        return [
            *(SourceFile(path, True, _HOW) for path in (*tables, "train", "test")),
            SourceFile(SIZES, False, "yours, for converted images: image_id,width,height"),
        ]

    def withheld(self) -> frozenset[str]:
        """Nobody: patients are not known."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every image that can be read, by image id, training and test images among each other.

        Raises:
            TableError: a table is missing or damaged, or there are boxes on converted images whose
                original size is not known.
        """
        self.quarantine.clear()
        below = Below(self.root)
        images = {split: _images(below.root, split) for split in _BOXES}
        sizes = self._sizes(part)
        told = merge(*self._tables(part), key=itemgetter(0, 1))
        for (image, split), group in groupby(told, key=itemgetter(0, 1)):
            try:
                path = below.file(images[split].get(image, f"{split}/{image}.dicom"))
                study = self._study(image, split, path, sizes, list(group))
            except TableError:
                raise
            except InputError as error:
                self._leave_out(image, error.what)
                continue
            yield study

    def _study(
        self, image: str, split: Split, path: str, sizes: Sizes, told: Sequence[Told]
    ) -> Study:
        """The study of one image.

        Raises:
            ImageError, RecordError: its header, its size or a label cannot be read.
            TableError: the size of converted images is not known.
        """
        drawn, twice = told_once((row for *_, k, row in told if k != "labels"), _all_cells)
        labels, again = told_once((row for *_, k, row in told if k == "labels"), _reader)
        for _, reason in (*twice, *again):
            self._leave_out(image, reason)
        width = height = None
        size = sizes.get(image)
        if any(map(has_box, drawn)):
            size = size or self._measured(path, sizes)
        if size:
            width, height = size
        asked = (*KAGGLE, "No finding") if told[0][2] == "kaggle" else ()
        said = listen(drawn, labels, asked, size)
        for reason in said.problems:
            self._leave_out(image, reason)
        found = findings(said, image, _ORIGINS[split], self.fusion[split], self.votes)
        return Study(
            family=self.family,
            sources=(self.name,),
            id=image,
            patient=None,
            split=split,
            access=self.access,
            views=(View(image, path, "PA", width, height),),
            findings=tuple(found),
        )

    def _measured(self, path: str, sizes: Sizes) -> tuple[int, int]:
        """Width and height in pixels that the boxes of an image are in."""
        if os.path.splitext(path)[1].lower() in _DICOM or self.full_size:
            return image_size(Path(path))
        if sizes:
            raise RecordError(f"{SIZES} does not hold the original size of the image")
        raise TableError(
            f"holds converted images and no {SIZES}, so boxes in pixels have no scale",
            self.root,
            "Write image_id,width,height of the DICOMs there, or set full_size if none is smaller",
        )

    def _tables(self, part: Slice) -> Iterator[Iterator[Told]]:
        """The rows of each table there is, ascending by image."""
        if not any(find_table(self.root, *names) for names in _BOXES.values()):
            need_table(self.root, *_BOXES["train"])
        for split, names in _BOXES.items():
            path = find_table(self.root, *names)
            if path is None:
                continue
            table = read_table(path, ["image_id", "class_name", *CORNERS], ["rad_id"])
            kaggle = path.name.startswith(_KAGGLE)
            yield _told(of_slice(table, "image_id", part), split, "kaggle" if kaggle else "boxes")
            if not kaggle:
                path = need_table(self.root, *_LABELS[split])
                table = read_table(path, ["image_id", *LOCAL, *GLOBAL], ["rad_id", *OTHER])
                yield _told(of_slice(table, "image_id", part), split, "labels")

    def _sizes(self, part: Slice) -> Sizes:
        """The original sizes, where the user wrote a table of them."""
        path = find_table(self.root, SIZES, f"annotations/{SIZES}")
        if path is None:
            return {}
        table = of_slice(read_table(path, ["image_id", "width", "height"]), "image_id", part)
        try:
            return {row["image_id"]: (int(row["width"]), int(row["height"])) for row in rows(table)}
        except ValueError:
            raise TableError("a size is no whole number", path, "Correct the table") from None

    def _leave_out(self, image: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, image, reason))


def _told(table: pa.Table, split: Split, kind: str) -> Iterator[Told]:
    for row in rows(table, "image_id", "rad_id"):
        yield row["image_id"], split, kind, row


def _images(root: Path, split: Split) -> dict[str, str]:
    """The images of a split by id, relative to the root; DICOM where there is also another."""
    found: dict[str, str] = {}
    for folder in (f"{split}_jpg", f"{split}_png", split):
        if (root / folder).is_dir():
            names = os.listdir(root / folder)
            for ending in (*reversed(_CONVERTED), *reversed(_DICOM)):
                found |= {
                    name[: -len(ending)]: f"{folder}/{name}"
                    for name in names
                    if name.endswith(ending)
                }
    return found


def _all_cells(row: Row) -> str:
    return "\0".join(row.values())


def _reader(row: Row) -> str:
    return row["rad_id"]
