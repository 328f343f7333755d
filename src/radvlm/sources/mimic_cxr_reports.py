"""The free-text reports of MIMIC-CXR 2.x, cut into sections.

In: ``files/p10/p10999001/s50999001.txt``, or all ``s*.txt`` in one folder, with
``cxr-study-list.csv[.gz]``. Without the list the tree is walked, where folders name the patients.
Out: studies without views that ``merge`` joins to those of ``mimic_cxr``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from radvlm.errors import InputError, RecordError, TableError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Study
from radvlm.sources.mimic_sections import sections
from radvlm.sources.release import Below, Row, find_table, of_slice, read_table, rows
from radvlm.sources.told import DUPLICATED, told_once

LIST = "cxr-study-list.csv"
REPORT = ("findings", "impression", "last_paragraph")
"""Sections that say what is seen; a report without any cannot be used."""

ABOUT = ("indication", "history", "comparison")
"""Other sections that become texts of the study."""

MAX_BYTES = 1_000_000
_REPORT_FILE = re.compile(r"s([0-9]{8})\.txt")
_PATIENT = re.compile(r"(?:^|/)p([0-9]{8})(?:/s[0-9]{8})?$")
_NUMBER = re.compile(r"[0-9]{8}")
_SHOWN = 60


class MimicCxrReportsSource:
    """MIMIC-CXR's reports."""

    name = "mimic_cxr_reports"
    family = "mimic"
    access: Access = "credentialed"
    licence = "PhysioNet Credentialed Health Data License 1.5.0"
    citation = "Johnson et al. 2019, MIMIC-CXR, a de-identified database of chest radiographs."
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """The list of studies, and the reports; either layout does without one of them."""
        where = "physionet.org/content/mimic-cxr, credentialed access and its agreement"
        return [SourceFile(LIST, True, where), SourceFile("files", True, f"{where} (reports.zip)")]

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice whose report has findings, impression or a last paragraph.

        Raises:
            TableError: neither the list nor a report in a patient's folder is there.
        """
        self.quarantine.clear()
        below = Below(self.root)
        listed = find_table(self.root, LIST)
        found = _listed(listed, part) if listed else self._walked(part)
        for subject, group in groupby(found, key=itemgetter("subject_id")):
            of_patient, repeated = told_once(group, itemgetter("study_id"))
            for study, reason in repeated:
                self._lose(study, reason)
            for row in of_patient:
                try:
                    texts = _texts(below, row)
                except InputError as error:
                    self._lose(row["study_id"], error.what)
                else:
                    yield self._study(subject, row["study_id"], texts)

    def _study(self, subject: str, study: str, texts: dict[str, str]) -> Study:
        return Study(
            family=self.family,
            sources=(self.name,),
            id=study,
            patient=subject,
            split=None,
            access=self.access,
            views=(),
            texts=texts,
        )

    def _walked(self, part: Slice) -> Iterator[Row]:
        """As ``_listed``, from the tree itself: the folder of a report names the patient.

        Of a report that is there twice, the file whose path comes first is taken.
        """
        found: dict[tuple[str, str], str] = {}
        patients = False
        for path, patient, study in sorted(_reports(self.root)):
            patients = patients or bool(patient)
            if (patient or study) not in part:
                continue
            if not patient:
                self._lose(study, "the report is in no patient's folder, and there is no list")
            elif found.setdefault((patient, study), path) != path:
                self._lose(study, DUPLICATED)
        if not patients:
            remedy = f"Unpack mimic-cxr-reports.zip there, or add {LIST}"
            raise TableError("holds no reports in folders of patients", self.root, remedy)
        for (patient, study), path in sorted(found.items()):
            yield {"subject_id": patient, "study_id": study, "path": path}

    def _lose(self, study: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, f"s{study[:_SHOWN]}", reason))


def _listed(path: Path, part: Slice) -> Iterator[Row]:
    table = read_table(path, ("subject_id", "study_id", "path"))
    return rows(of_slice(table, "subject_id", part), "subject_id", "study_id", "path")


def _reports(root: Path) -> Iterator[tuple[str, str, str]]:
    """(path below the root, patient or nothing, study) of every report of the tree."""
    for folder, _, names in os.walk(root):
        place = Path(folder).relative_to(root).as_posix()
        patient = _PATIENT.search(place)
        for name in names:
            if match := _REPORT_FILE.fullmatch(name):
                path = name if place == "." else f"{place}/{name}"
                yield path, patient[1] if patient else "", match[1]


def _texts(below: Below, row: Row) -> dict[str, str]:
    """The sections of the report of a row of the list.

    Raises:
        InputError: the report is missing, lies elsewhere, is damaged or says nothing.
    """
    if not (_NUMBER.fullmatch(row["subject_id"]) and _NUMBER.fullmatch(row["study_id"])):
        raise RecordError("an identifier is not of the release's form")
    try:
        path = below.file(row["path"])
    except InputError as error:
        try:
            path = below.file(f"s{row['study_id']}.txt")
        except InputError:
            raise error from None
    found = sections(_read(path), row["study_id"])
    if not found.keys() & set(REPORT):
        raise RecordError("the report has no findings, impression or last paragraph")
    return {name: found[name] for name in (*REPORT, *ABOUT) if name in found}


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        raise InputError("the report cannot be read") from None
    if len(content) > MAX_BYTES:
        raise InputError("the report is larger than any report")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the report is no UTF-8 text") from None
