"""A folder of images with a manifest CSV, the way users bring their own data.

``folder.yaml`` beside the manifest (or named as ``config``) says what its columns mean; see
``folder_config``. A row is a view; rows of the same study, where a column names studies, become
one study. Splits come from a column, or by patient: a hash of (family, patient) puts 70 % of
patients into train, 10 % into validate, 20 % into test, the same on every machine.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from radvlm.errors import InputError, RadvlmError, RecordError, TableError
from radvlm.io.files import confined
from radvlm.io.image import image_size
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile, study_key
from radvlm.records import Box, Finding, Region, Split, Study, View
from radvlm.sources.folder_config import PROJECTIONS, FolderConfig, Group, read_config
from radvlm.sources.folder_labels import LabelTable, statuses
from radvlm.vocabulary import REGIONS_29

CONFIG = "folder.yaml"
Row = Mapping[str, str]


class FolderSource:
    """Images and a manifest. ``left_out`` counts the rows a rule left out, by its reason."""

    name = "folder"
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: str | Path, config: str | Path | None = None) -> None:
        self.root = Path(root)
        path = Path(config) if config else self.root / CONFIG
        self.config = read_config(path) if config or path.exists() else FolderConfig()
        rules = self.config.labels
        self.table = LabelTable(path.parent / rules.table) if rules.table else None
        self.family = self.config.family
        self.access = self.config.access
        self.licence = self.config.licence
        self.citation = self.config.citation
        self.quarantine: list[Quarantined] = []
        self.left_out: Counter[str] = Counter()

    def files(self) -> Sequence[SourceFile]:
        """The manifest; the images are what it names."""
        return [SourceFile(self.config.manifest, required=True)]

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice whose rows can be read, sorted.

        Raises:
            TableError: the manifest is missing, cannot be read, is empty or lacks a column.
        """
        self.quarantine.clear()
        self.left_out.clear()
        found: dict[tuple[str, str, int], Study] = {}
        for number, row in enumerate(self._rows()):
            if self._slice_key(row) not in part:
                continue
            if reason := self._left_out(row):
                self.left_out[reason] += 1
                continue
            try:
                study = self._study(row)
            except RadvlmError as error:
                where = row[self.config.columns.file]
                self.quarantine.append(Quarantined(self.name, where, error.what))
                continue
            key = (study.family, study.id, 0 if self.config.columns.study else number)
            found[key] = _together(found[key], study) if key in found else study
        yield from sorted(found.values(), key=study_key)

    def _rows(self) -> list[Row]:
        path = confined(self.root, self.config.manifest)
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                rows, header = list(reader), set(reader.fieldnames or ())
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise TableError("the manifest cannot be read", path, "Check the path") from error
        if missing := self._columns() - header:
            remedy = f"Name the right column in {CONFIG}"
            raise TableError(f"column {min(missing)!r} is missing", path, remedy)
        if not rows:
            raise TableError("the manifest has no rows", path, "Add a row an image")
        return [{key: (value or "").strip() for key, value in row.items() if key} for row in rows]

    def _columns(self) -> set[str]:
        """The columns that must be there: those the configuration names, and the defaults used."""
        columns = self.config.columns
        single = columns.model_dump(exclude={"texts", "keep", "patient", "labels"}).values()
        chosen = {c for c in single if c} | set(columns.texts.values()) | set(columns.keep)
        stated = columns.model_fields_set & {"patient", "labels"}
        chosen |= {value for key in stated if (value := getattr(columns, key))}
        chosen |= {rule.column for rule in self.config.leave_out}
        return chosen | ({self.config.groups.column} if self.config.groups else set())

    def _slice_key(self, row: Row) -> str:
        columns = self.config.columns
        patient = self._cell(row, columns.patient)
        return patient or self._cell(row, columns.study) or row[columns.file]

    def _left_out(self, row: Row) -> str | None:
        for rule in self.config.leave_out:
            held = row[rule.column]
            if held in rule.values or (held and not rule.values):
                return rule.reason
        return None

    def _study(self, row: Row) -> Study:
        columns = self.config.columns
        group = self._group(row)
        view = self._view(row)
        patient = self._cell(row, columns.patient) or None
        texts = {section: row[c] for section, c in columns.texts.items() if row[c]}
        texts |= {f"column.{c}": row[c] for c in columns.keep if row[c]}
        findings, regions = self._said(row, view)
        leak = patient if patient is not None else f"view:{view.id}"
        return Study(
            family=group.family,
            sources=(group.source,),
            id=self._cell(row, columns.study) or view.id,
            patient=patient,
            split=self._split(row, group.family, leak),
            access=self.access,
            views=(view,),
            texts=texts,
            findings=findings,
            regions=regions,
            sex=self._cell(row, columns.sex) or None,
            age=_number(self._cell(row, columns.age)),
        )

    def _group(self, row: Row) -> Group:
        groups = self.config.groups
        if groups is None:
            return Group(family=self.family, source=self.family)
        try:
            return groups.names[row[groups.column]]
        except KeyError:
            raise RecordError(f"no group for the value of column {groups.column!r}") from None

    def _view(self, row: Row) -> View:
        columns = self.config.columns
        path = confined(self.root, row[columns.file])
        if not path.is_file():
            raise InputError("the image is missing")
        width = _number(self._cell(row, columns.width))
        height = _number(self._cell(row, columns.height))
        if not (width and height):
            width, height = image_size(path)
        spelled = self._cell(row, columns.view).lower()
        projection = PROJECTIONS.get(spelled, "OTHER")
        return View(row[columns.file], str(path), projection, int(width), int(height))

    def _said(self, row: Row, view: View) -> tuple[tuple[Finding, ...], tuple[Region, ...]]:
        """The findings with their boxes, and the regions, of one row."""
        rules = self.config.labels
        scheme = self._cell(row, self.config.columns.scheme)
        cell = self._cell(row, self.config.columns.labels)
        labels = [label.strip() for label in cell.split(rules.separator) if label.strip()]
        known = statuses(labels, scheme, self.table, rules.closed.get(scheme, ()))
        boxed: dict[str, list[Box]] = {}
        regions = []
        for label, box in self._boxes(row, view):
            if label in REGIONS_29:
                regions.append(Region(label, view.id, box))
                continue
            for name in statuses([label], scheme, self.table, ()):
                boxed.setdefault(name, []).append(box)
        findings = [
            Finding(
                name,
                "present" if name in boxed else known[name],
                scheme or self.family,
                view.id,
                tuple(boxed.get(name, ())),
            )
            for name in dict.fromkeys([*known, *boxed])
        ]
        return tuple(findings), tuple(regions)

    def _boxes(self, row: Row, view: View) -> Iterator[tuple[str, Box]]:
        cell = self._cell(row, self.config.columns.boxes)
        if not cell:
            return
        scale = (1.0, 1.0)
        if self.config.box_unit == "pixel":
            scale = (float(view.width or 1), float(view.height or 1))
        try:
            for item in json.loads(cell):
                x1, y1, x2, y2 = (float(v) / scale[k % 2] for k, v in enumerate(item["box"]))
                yield str(item["label"]), Box(x1, y1, x2, y2)
        except RecordError:
            raise RecordError("a box is inverted, empty or outside the image") from None
        except (ValueError, KeyError, TypeError) as error:
            raise TableError("the boxes are not a JSON list of label and box") from error

    def _split(self, row: Row, family: str, leak: str) -> Split:
        said = self._cell(row, self.config.columns.split)
        if not self.config.columns.split:
            return split_of(family, leak)
        for split in get_args(Split):
            if said == split:
                return split  # type: ignore[no-any-return]
        raise TableError("the split is none of train, validate, test")

    @staticmethod
    def _cell(row: Row, column: str | None) -> str:
        return row.get(column, "") if column else ""


def split_of(family: str, leak: str) -> Split:
    """70 % train, 10 % validate, 20 % test by SHA-256 of the leak key."""
    drawn = int(hashlib.sha256(f"{family}|{leak}".encode()).hexdigest()[:8], 16) / 0x1_0000_0000
    return "train" if drawn < 0.7 else "validate" if drawn < 0.8 else "test"


def _together(a: Study, b: Study) -> Study:
    """Two rows of one study; what is said once of the study is kept from the first."""
    return dataclasses.replace(
        a,
        views=a.views + b.views,
        findings=a.findings + b.findings,
        regions=a.regions + b.regions,
        texts={**b.texts, **a.texts},
    )


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
