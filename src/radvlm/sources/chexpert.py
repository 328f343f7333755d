"""CheXpert v1.0: 224,316 radiographs of 65,240 patients, labelled by CheXpert or by radiologists.

In: the folder with ``train.csv``, ``valid.csv``, the labels of the test set and the images, or the
one above it. Out: studies with their views and the 14 labels of the whole study.

The release in full size comes in batches, ``CheXpert-v1.0 batch 2 (train 1)/patient00001/…``; its
root is the folder that holds them. The labels of the test set are ``test.csv`` or
``test_labels.csv`` (a row an image), or ``groundtruth.csv`` (a row a study; the images are then
those of its folder).

What a path says holds: patient, study, and whether a view is frontal. Labels of the training set
are CheXpert's (origin ``chexpert``), where an empty cell says nothing; the others are a consensus
of radiologists (origin ``radiologist``). Age 0 is unknown, 90 is 90 or more. Irvin et al. 2019.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from radvlm.errors import InputError, RecordError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Study
from radvlm.sources.chexpert_rows import (
    SEPARATOR,
    SPLITS,
    Images,
    age_of,
    findings_of,
    sex_of,
    taken_apart,
    view_of,
)
from radvlm.sources.release import (
    Row,
    find_table,
    need_table,
    of_slice,
    read_table,
    rows,
)
from radvlm.sources.told import CONTRADICTING, told_once
from radvlm.vocabulary import CHEXPERT_13, CHEXPERT_14, NO_FINDING

ORIGINS = {"train": "chexpert", "valid": "radiologist", "test": "radiologist"}
TABLES = {
    "train": ("train.csv",),
    "valid": ("valid.csv",),
    "test": ("test.csv", "test_labels.csv", "groundtruth.csv"),
}

_SHOWN = 200
_BATCHES = "CheXpert-v1.0*"
_ABOUT = ("Sex", "Age", "AP/PA")
_HOW = "Stanford AIMI, free registration, Stanford research use agreement"


class ChexpertSource:
    """The released studies."""

    name = "chexpert"
    family = "chexpert"
    access: Access = "credentialed"
    licence = "Stanford University Dataset Research Use Agreement: non-commercial, not passed on"
    citation = (
        "Irvin J, Rajpurkar P, Ko M, et al. 2019. CheXpert: A large chest radiograph dataset with "
        "uncertainty labels and expert comparison. AAAI 33"
    )
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """A table and a folder of images a split; the test set is had apart."""
        return [
            *(SourceFile(name, True, _HOW) for name in ("train.csv", "valid.csv")),
            SourceFile("train", False, f"images, or batches of them; {_HOW}"),
            SourceFile("valid", False, f"images; {_HOW}"),
            SourceFile("test.csv", False, f"or test_labels.csv or groundtruth.csv; {_HOW}"),
            SourceFile("test", False, f"images; {_HOW}"),
        ]

    def withheld(self) -> frozenset[str]:
        """Nobody: the test set has patients of its own."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study with an image that can be used, by patient and study.

        Raises:
            TableError: no table is there, or one is damaged.
        """
        self.quarantine.clear()
        bases = [self.root, *sorted(self.root.glob(_BATCHES))]
        images = {
            folder: Images(self.root, _folders(self.root, bases, folder)) for folder in SPLITS
        }
        table = pa.concat_tables(self._tables(bases, part))
        for _, group in groupby(rows(table, "patient", "study", "path"), key=_key):
            listed = (row for given in group for row in self._listed(given, images))
            study, repeated = told_once(listed, _view_id)
            for path, reason in repeated:
                self._leave_out(path, reason)
            if study and (made := self._study(study, images)):
                yield made

    def _tables(self, bases: Sequence[Path], part: Slice) -> Iterator[pa.Table]:
        """The rows of each table there is, their paths taken apart."""
        found = {
            folder: next((p for base in bases if (p := find_table(base, *names))), None)
            for folder, names in TABLES.items()
        }
        if not any(found.values()):
            need_table(self.root, *TABLES["train"])
        for folder, path in found.items():
            if path:
                named = "Study" if path.name.startswith("groundtruth") else "Path"
                table = read_table(path, [named, *CHEXPERT_13], [NO_FINDING, *_ABOUT])
                labels = pc.binary_join_element_wise(*(table[n] for n in CHEXPERT_14), SEPARATOR)
                table = table.select([named, *_ABOUT]).rename_columns(["path", *_ABOUT])
                table = taken_apart(table).append_column("labels", labels)
                table = table.append_column("table", pa.repeat(folder, len(table)))
                yield of_slice(table, "patient", part)

    def _listed(self, row: Row, images: dict[str, Images]) -> Iterator[Row]:
        """The row, or one for each image of its study where it tells only that."""
        if row["folder"] != row["table"]:
            self._leave_out(row["path"][:_SHOWN], "the path is none of this table's")
        elif row["view"]:
            yield row
        else:
            names = images[row["folder"]].names(row["study"])
            yield from ({**row, "view": n, "path": f"{row['study']}/{n}"} for n in names)
            if not names:
                self._leave_out(row["study"], "the study has no images")

    def _study(self, study: Sequence[Row], images: dict[str, Images]) -> Study | None:
        """The study of some rows; none where no image of it can be used."""
        first = study[0]
        try:
            found = findings_of(first["labels"], ORIGINS[first["folder"]])
            if any(row["labels"] != first["labels"] for row in study):
                raise RecordError(CONTRADICTING)
        except RecordError as error:
            self._leave_out(first["study"], error.what)
            return None
        views = []
        for row in study:
            try:
                path = images[row["folder"]].file(_view_id(row))
                views.append(view_of(row["study"], row["view"], row["AP/PA"], path))
            except InputError as error:
                self._leave_out(_view_id(row), error.what)
        if not views:
            return None
        return Study(
            family=self.family,
            sources=(self.name,),
            id=first["study"],
            patient=first["patient"],
            split=SPLITS[first["folder"]],
            access=self.access,
            views=tuple(views),
            findings=found,
            sex=sex_of(first["Sex"]),
            age=age_of(first["Age"]),
        )

    def _leave_out(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def _key(row: Row) -> tuple[str, str]:
    return row["patient"], row["study"]


def _view_id(row: Row) -> str:
    return f"{row['study']}/{row['view']}"


def _folders(root: Path, bases: Sequence[Path], folder: str) -> list[str]:
    """Where the images of a split may be, as ``Images`` wants it."""
    found = [os.path.relpath(base, root) for base in bases if (base / folder).is_dir()]
    if folder == "train":
        found += [f"{base.name}/*" for base in bases if "(train" in base.name and base.is_dir()]
    return found
