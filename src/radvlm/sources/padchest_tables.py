"""What PadChest and PadChest-GR share: PadChest's table, GR's master table, where the images are.

Both sources describe a study by the functions here, so that what they say of the same view, text
and patient is the same and merges. Identifiers have up to 39 digits and stay text.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from radvlm.errors import InputError, RecordError, TableError
from radvlm.records import Projection, Split, View
from radvlm.sources.release import Below, Row, find_table, need_table, read_table, rows

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
MASTER = "master_table.csv"
GR_IMAGES = ("PadChest_GR", "images_grounding", "Padchest_GR_files/PadChest_GR", ".")
"""Folders GR's images are unpacked to; ``images_grounding`` is RadVLM's."""

PROJECTIONS: dict[str, Projection] = {
    "PA": "PA",
    "AP": "AP",
    "AP_horizontal": "AP",
    "L": "LATERAL",
    "COSTAL": "OTHER",
    "EXCLUDE": "OTHER",
}
_SPLITS: dict[str, Split] = {
    "train": "train",
    "validation": "validate",
    "valid": "validate",
    "test": "test",
}
_NEEDED = ("ImageID", "StudyID", "PatientID", "Projection", "Labels", "Report")
_OPTIONAL = (
    "ImageDir",
    "StudyDate_DICOM",
    "PatientBirth",
    "PatientSex_DICOM",
    "Rows_DICOM",
    "Columns_DICOM",
    "MethodLabel",
)
_MASTER = ("ImageID", "PatientID", "split")
_MAX_TABLE = 256 * 1024**2
"""Bytes of a zipped master table once unpacked; the release's has some 5 million."""


@dataclass(frozen=True, slots=True)
class Master:
    """GR's official split by patient, and the images it is about."""

    splits: Mapping[str, Split] = field(default_factory=dict)
    images: frozenset[str] = frozenset()


def read_padchest(root: Path, studies: Collection[str] | None = None) -> pa.Table:
    """PadChest's table, all rows or those of some studies.

    Raises:
        TableError: it is missing or damaged.
    """
    table = read_table(need_table(root, TABLE), _NEEDED, _OPTIONAL)
    if studies is None:
        return table
    return table.filter(pc.is_in(table["StudyID"], pa.array(sorted(studies), pa.string())))


def read_master(root: Path) -> Master:
    """GR's master table, plain, ``.gz`` or ``.zip``.

    Raises:
        TableError: it is missing or damaged, names an unknown split, or puts a patient into two.
    """
    path = find_table(root, MASTER)
    zipped = root / f"{MASTER}.zip"
    if path is None and zipped.is_file():
        path, table = zipped, _read_zipped(zipped)
    else:
        path = need_table(root, MASTER)
        table = read_table(path, _MASTER)
    splits: dict[str, Split] = {}
    for row in rows(table.group_by(["PatientID", "split"]).aggregate([])):
        if not row["split"]:
            continue
        split = _SPLITS.get(row["split"])
        if split is None:
            raise TableError("a split is none of train, validation, test", path, "Get it anew")
        if splits.setdefault(row["PatientID"], split) != split:
            raise TableError("a patient is in two splits", path, "Get the table anew")
    return Master(splits, frozenset(table["ImageID"].to_pylist()))


class Images:
    """Where an image is: in PadChest's root, by folder or flat, or else in GR's.

    Re-encoded images (``.jpg``) are found too. Both sources look here, so both give one path.
    """

    def __init__(self, padchest: Path, gr: Path | None, of_gr: Collection[str]) -> None:
        self._padchest = Below(padchest)
        self._gr = Below(gr) if gr else None
        self._of_gr = of_gr
        self._folders = [name for name in GR_IMAGES if gr and (gr / name).is_dir()]

    def file(self, image: str, folder: str) -> str:
        """The file of an image that PadChest's table puts into ``folder``.

        Raises:
            InputError: it is nowhere, or the name or a link leads out of a root.
        """
        first: InputError | None = None
        for below, relative in self._tried(image, folder):
            try:
                return below.file(relative)
            except InputError as error:
                first = first or error
        raise first or InputError("the file is missing")

    def _tried(self, image: str, folder: str) -> Iterator[tuple[Below, str]]:
        names = (image, f"{image.removesuffix('.png')}.jpg")
        for name in names:
            yield self._padchest, os.path.join(folder, name)
            yield self._padchest, name
        if self._gr and image in self._of_gr:
            yield from ((self._gr, os.path.join(f, n)) for f in self._folders for n in names)


def view_of(row: Row, images: Images, ap_horizontal: bool) -> View:
    """The view of a row of PadChest's table; sizes are those of the original.

    Raises:
        InputError: its image cannot be found or lies elsewhere.
    """
    projection = PROJECTIONS.get(row["Projection"].strip(), "UNKNOWN")
    if row["Projection"].strip() == "AP_horizontal" and not ap_horizontal:
        projection = "OTHER"
    return View(
        id=row["ImageID"],
        path=images.file(row["ImageID"], row["ImageDir"].strip()),
        projection=projection,
        width=_whole(row["Columns_DICOM"]),
        height=_whole(row["Rows_DICOM"]),
    )


def report_of(study: Sequence[Row]) -> dict[str, str]:
    """The Spanish report as section ``report``, from the first row of the study that has one."""
    reports = (" ".join(row["Report"].split()) for row in study)
    report = next(filter(None, reports), "")
    return {"report": report} if report else {}


def sex_of(study: Sequence[Row]) -> str | None:
    """F, M or O, where the first row of the study says so."""
    sex = study[0]["PatientSex_DICOM"].strip()
    return sex if sex in {"F", "M", "O"} else None


def age_of(study: Sequence[Row]) -> float | None:
    """Years between those of birth and study, from the first row; the table has no birthday."""
    born, taken = study[0]["PatientBirth"], study[0]["StudyDate_DICOM"][:4]
    try:
        age = float(taken) - float(born)
    except ValueError:
        return None
    return age if age >= 0 else None


def _whole(cell: str) -> int | None:
    """A number of pixels; none where the cell holds no such number."""
    try:
        number = int(float(cell))
    except (ValueError, OverflowError):
        return None
    return number if number > 0 else None


def _read_zipped(path: Path) -> pa.Table:
    """The table inside an archive."""
    try:
        with zipfile.ZipFile(path) as archive, tempfile.NamedTemporaryFile(suffix=".csv") as plain:
            names = [name for name in archive.namelist() if os.path.basename(name) == MASTER]
            if not names or archive.getinfo(names[0]).file_size > _MAX_TABLE:
                raise RecordError("holds no table, or one far too large")
            plain.write(archive.read(names[0]))
            plain.flush()
            return read_table(Path(plain.name), _MASTER)
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise TableError("the archive cannot be read", path, "Get the file anew") from error
    except InputError as error:
        raise TableError(error.what, path, error.remedy or "Get the file anew") from error
