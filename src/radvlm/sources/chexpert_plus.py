"""CheXpert Plus: the reports of CheXpert's training and validation set, and CheXbert's labels.

In: the folder with ``df_chexpert_plus_240401.csv``, and ``chexbert_labels`` where labels are asked
for; images may lie there too (``train/…``, ``PNG/train/…``), else they are CheXpert's. Out: studies
named as in ``chexpert``, so that both merge, with the sections of the report as texts and, if
wanted, the labels CheXbert found (origin ``chexbert``).

A view whose image is not here has no path and no projection, for CheXpert to fill. Where CheXpert
is read too, sex and age are left to it: both releases state them, from different records.
Chambon et al. 2024, arXiv 2405.19538.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from radvlm.errors import InputError, RecipeError, RecordError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Finding, Study, View
from radvlm.sources.chexpert_plus_files import (
    SECTIONS,
    labels_of,
    lines_of,
    packed_rows,
    unpacked,
)
from radvlm.sources.chexpert_rows import SPLITS, Images, age_of, sex_of, view_of
from radvlm.sources.release import Row, need_table
from radvlm.sources.told import CONTRADICTING, told_once

TABLE = "df_chexpert_plus_240401.csv"
LABELLED = ("findings", "impression", "report")
"""What CheXbert was given."""

_CHUNKS = "png_chexpert_plus_chunk_*"
_IMAGES = ("PNG", "PNG/PNG", _CHUNKS, f"{_CHUNKS}/PNG", "DICOM", "DICOM/*ompressed")
"""Where images are unpacked to, besides the root itself."""

_SHOWN = 200
_HOW = "Stanford AIMI, free registration, Stanford research use agreement"


class ChexpertPlusSource:
    """The reports and CheXbert's labels.

    Args:
        root: the folder of the release.
        chexpert: the folder of CheXpert where that is read too; sex and age are then its.
        labels: ``chexbert``, or nothing.
        labelled: the text whose labels are read, ``report``, ``findings`` or ``impression``.

    Raises:
        RecipeError: the labels or the text are not known.
    """

    name = "chexpert_plus"
    family = "chexpert"
    access: Access = "credentialed"
    licence = "Stanford University Dataset Research Use Agreement: non-commercial, not passed on"
    citation = (
        "Chambon P, Delbrouck JB, Sounack T, et al. 2024. CheXpert Plus: Augmenting a large chest "
        "X-ray dataset with text radiology reports, patient demographics and additional image "
        "formats. arXiv 2405.19538"
    )
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ("chexpert",)

    def __init__(
        self,
        root: str | Path,
        chexpert: str | Path | None = None,
        labels: Sequence[str] = (),
        labelled: str = "report",
    ) -> None:
        if set(labels) - {"chexbert"}:
            raise RecipeError("labels may only be chexbert", self.name)
        if labelled not in LABELLED:
            raise RecipeError(f"labelled is none of {', '.join(LABELLED)}", self.name)
        self.root = Path(root)
        self.demographics = chexpert is None
        self.labels = f"chexbert_labels/{labelled}_fixed.json" if labels else None
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """The table, the labels, and images where they are not taken from CheXpert."""
        labels = self.labels or f"chexbert_labels/{LABELLED[-1]}_fixed.json"
        return [
            SourceFile(TABLE, True, _HOW),
            SourceFile(labels, self.labels is not None, f"labels of CheXbert; {_HOW}"),
            SourceFile("PNG", False, f"images, if not those of CheXpert; {_HOW}"),
        ]

    def withheld(self) -> frozenset[str]:
        """Nobody: the test set has patients of its own."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the table, by patient and study.

        Raises:
            TableError: the table or the labels are missing or damaged.
        """
        self.quarantine.clear()
        images = Images(self.root, _folders(self.root), (".png", ".jpg", ".dcm"))
        said = self._said(part)
        packed = packed_rows(need_table(self.root, TABLE), part)
        for (_, name), group in groupby(packed, key=itemgetter(0, 1)):
            told, repeated = told_once(map(unpacked, group), _view_id)
            for view, reason in repeated:
                self._leave_out(view, reason)
            try:
                if told and (study := self._study(told, images, said.get(name, ()))):
                    yield study
            except RecordError as error:
                self._leave_out(name, error.what)

    def _study(
        self, told: Sequence[Row], images: Images, said: tuple[Finding, ...]
    ) -> Study | None:
        """The study of some rows; none where none of them can be used.

        Raises:
            RecordError: the rows do not tell the same report.
        """
        known = [row for row in told if self._is_known(row)]
        if not known:
            return None
        first = known[0]
        texts = {name: first[column].strip() for name, column in SECTIONS.items()}
        if any(row[column] != first[column] for row in known for column in SECTIONS.values()):
            raise RecordError(CONTRADICTING)
        return Study(
            family=self.family,
            sources=(self.name,),
            id=first["study"],
            patient=first["patient"],
            split=SPLITS[first["folder"]],
            access=self.access,
            views=tuple(self._view(row, images) for row in sorted(known, key=_view_id)),
            texts={name: _even(name, text) for name, text in texts.items() if text},
            findings=said,
            sex=sex_of(first["sex"]) if self.demographics else None,
            age=age_of(first["age"]) if self.demographics else None,
        )

    def _is_known(self, row: Row) -> bool:
        """Whether the row is of an image, and its split that of the image's folder."""
        if not row["view"]:
            self._leave_out(row["path"][:_SHOWN], "the path is none of the release's")
        elif row["split"] not in ("", row["folder"]):
            self._leave_out(_view_id(row), "the split is not that of the path")
        else:
            return True
        return False

    def _view(self, row: Row, images: Images) -> View:
        try:
            path = images.find(_view_id(row))
        except InputError as error:
            self._leave_out(_view_id(row), error.what)
            path = None
        if path is None:
            return View(_view_id(row), "")
        return view_of(row["study"], row["view"], row["ap_pa"], str(path))

    def _said(self, part: Slice) -> dict[str, tuple[Finding, ...]]:
        """The findings CheXbert found, by study."""
        found: dict[str, tuple[Finding, ...]] = {}
        if self.labels is None:
            return found
        contradicted = set()
        path = need_table(self.root, self.labels)
        for number, line in enumerate(lines_of(path), 1):
            place = f"{path.name}, line {number}"
            try:
                study, said = labels_of(line, part)
            except RecordError as error:
                if place in part:
                    self._leave_out(place, error.what)
                continue
            if study and found.setdefault(study, said) != said:
                contradicted.add(study)
        for study in sorted(contradicted):
            self._leave_out(study, "the labels of its images contradict each other")
            del found[study]
        return found

    def _leave_out(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def _folders(root: Path) -> list[str]:
    """The folders below the root that hold images, relative to it."""
    found = [root, *(path for pattern in _IMAGES for path in sorted(root.glob(pattern)))]
    return [os.path.relpath(p, root) for p in found if any((p / name).is_dir() for name in SPLITS)]


def _even(name: str, text: str) -> str:
    """A section in one line; the report keeps its own."""
    return text if name == "report" else " ".join(text.split())


def _view_id(row: Row) -> str:
    return f"{row['study']}/{row['view']}"
