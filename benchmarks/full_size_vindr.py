"""VinDr-CXR at full size, as far as the build reads it.

Counts are those of the release (Nguyen et al. 2022) and of Table 1 of the RadVLM paper. Images are
DICOM headers without pixels.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from benchmarks.full_size_parts import Numbers, Scale, write_csv
from radvlm.records import Split
from radvlm.sources.vindr_readers import GLOBAL, LOCAL

VINDR: dict[Split, tuple[int, int, int]] = {
    "train": (15_000, 4_394, 16_089),
    "test": (3_000, 948, 2_108),
}
"""Images, images with boxes, pairs of image and class."""

_TAGS = ((0x10, 4660), (0x11, 22136))
"""Elements of group 0028 for rows and columns, and what the template has there."""


def vindr_rows(n: Scale) -> dict[str, int]:
    """Row of the mixture → examples there are."""
    return {
        "vindr_detection": n(VINDR["train"][0]),
        "vindr_grounding": _pairs("train", n),
        "test_vindr_grounding": _pairs("test", n),
    }


def make_vindr(root: Path, n: Scale) -> None:
    """Write the release."""
    rng = np.random.default_rng(3)
    for split, (images, abnormal, _) in VINDR.items():
        ids = [rng.bytes(16).hex() for _ in range(n(images))]
        sizes = rng.integers((2000, 1700), (3400, 3000), size=(len(ids), 2))
        classes = _classes(rng, n(abnormal), _pairs(split, n))
        _write_dicoms(root / split, ids, sizes)
        _write_boxes(root / "annotations", rng, split, ids, sizes, classes)


def _pairs(split: Split, n: Scale) -> int:
    """At least one an abnormal image."""
    _, abnormal, pairs = VINDR[split]
    return max(n(pairs), n(abnormal))


def _classes(rng: np.random.Generator, images: int, pairs: int) -> list[list[int]]:
    """Different classes for each abnormal image, so many in all."""
    counts = np.ones(images, np.int64)
    while (left := pairs - int(counts.sum())) > 0:
        counts += np.bincount(rng.integers(images, size=left), minlength=images)
        counts = counts.clip(max=12)
    return [rng.permutation(len(LOCAL))[:count].tolist() for count in counts.tolist()]


def _write_boxes(
    folder: Path,
    rng: np.random.Generator,
    split: Split,
    ids: list[str],
    sizes: Numbers,
    classes: list[list[int]],
) -> None:
    """Two tables. Three readers for training images, one consensus for the test."""
    readers = 3 if split == "train" else 1
    boxes: list[list[Any]] = []
    labels: list[list[Any]] = []
    for number, image in enumerate(ids):
        about = classes[number] if number < len(classes) else []
        names = [f"R{r + 1}" for r in rng.permutation(17)[:readers].tolist()]
        drawn = list(_drawn(rng, about, sizes[number].tolist(), names))
        boxes += [[image, *row] for row in drawn]
        if not drawn:
            boxes += [[image, name, "No finding", "", "", "", ""] for name in names]
        for name in names:
            seen = {row[1] for row in drawn if row[0] == name}
            marks = [int(column in seen) for column in (*LOCAL, *GLOBAL[:-1])]
            labels.append([image, name, *marks, 0, int(not seen)])
    columns = ["image_id", "rad_id", "class_name", "x_min", "y_min", "x_max", "y_max"]
    _write_of(folder / f"annotations_{split}.csv", columns, boxes, split)
    columns = ["image_id", "rad_id", *LOCAL, *GLOBAL[:-1], "Other diseases", "No finding"]
    _write_of(folder / f"image_labels_{split}.csv", columns, labels, split)


def _drawn(
    rng: np.random.Generator, about: list[int], size: list[int], names: list[str]
) -> Iterator[list[Any]]:
    """Reader, class and corners; of each class one to all readers draw nearly the same."""
    height, width = size
    for number in about:
        x, y, w, h = rng.random(4).tolist()
        for name in names[: int(rng.integers(1, len(names) + 1))]:
            dx, dy = (20 * rng.random(2)).tolist()
            x1, y1 = 0.6 * x * width + dx, 0.6 * y * height + dy
            x2, y2 = x1 + (0.1 + w / 5) * width, y1 + (0.1 + h / 5) * height
            yield [name, LOCAL[number], *(round(value, 2) for value in (x1, y1, x2, y2))]


def _write_of(path: Path, columns: list[str], rows: list[list[Any]], split: Split) -> None:
    """The tables of the test set do not name a reader."""
    table = list(zip(*rows, strict=True))
    if split == "test":
        columns, table = [columns[0], *columns[2:]], [table[0], *table[2:]]
    write_csv(path, columns, table)


def _write_dicoms(folder: Path, ids: list[str], sizes: Numbers) -> None:
    """One file without pixels, its instance and size exchanged in the bytes."""
    folder.mkdir(parents=True)
    mark = UID("1.2.826.0.1.3680043.8.498." + "7" * 32)
    template = _dicom(mark, 4660, 22136)
    tags = [template.index(struct.pack("<HH2sHH", 0x28, t, b"US", 2, v)) for t, v in _TAGS]
    for image, (height, width) in zip(ids, sizes.tolist(), strict=True):
        number = str(int(image, 16) % 10**32).zfill(32).replace("0", "1", 1)
        data = bytearray(template.replace(b"7" * 32, number.encode()))
        for at, value in zip(tags, (height, width), strict=True):
            struct.pack_into("<H", data, at + 8, value)
        (folder / f"{image}.dicom").write_bytes(data)


def _dicom(uid: UID, height: int, width: int) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.SOPInstanceUID = uid
    dataset.PatientSex, dataset.PatientAge = "O", "061Y"
    dataset.Rows, dataset.Columns = height, width
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelSpacing = ["0.139", "0.139"]
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
