"""PadChest-GR: 4,555 frontal studies of PadChest whose sentences radiologists gave boxes to.

In: the folder with ``grounded_reports_20240819.json``, ``master_table.csv`` (or its ``.zip``) and
the images, and PadChest's root, whose table says patient and projection. Out: the studies of
PadChest, with GR's split and a finding for each label of a sentence, the English sentence its
phrase. Boxes are fractions of the image.

A sentence that says something is abnormal makes its labels present, with boxes where the reader
drew some; any other makes them absent. Sentences without a label are of ``abnormality``, or of
``No Finding``: present in a study without any abnormal sentence, absent elsewhere. Two readers
drew independently: one of them is chosen, never both.
Castro et al. 2025, NEJM AI 2(7), arXiv 2411.05085.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from radvlm.boxes import from_pixels
from radvlm.errors import InputError, RecipeError, RecordError, TableError
from radvlm.io.files import read_json
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Box, Finding, Split, Status, Study, View
from radvlm.sources.padchest_tables import (
    GR_IMAGES,
    MASTER,
    Images,
    age_of,
    read_master,
    read_padchest,
    report_of,
    sex_of,
    view_of,
)
from radvlm.sources.release import Row, rows
from radvlm.sources.told import spelled, told_once
from radvlm.vocabulary import NO_FINDING

REPORTS = "grounded_reports_20240819.json"
ORIGIN = "radiologist"
UNNAMED = "abnormality"
_HOW = "bimcv.cipf.es/bimcv-projects/padchest-gr, on request, research use agreement"

Corners = tuple[float, float, float, float]


class Sentence(BaseModel):
    """A sentence of a report as released; of normal ones the lists are often left out."""

    sentence_en: str | None = None
    abnormal: bool
    boxes: list[Corners] | None = None
    extra_boxes: list[Corners] | None = None
    labels: list[str] | None = None


class Entry(BaseModel):
    """One image of the released file."""

    StudyID: str
    ImageID: str
    PreviousStudyID: str | None = None
    findings: list[Sentence]


class Known(NamedTuple):
    """An entry with the row of PadChest's table about its image."""

    patient: str
    study: str
    image: str
    entry: Entry
    row: Row


class PadchestGrSource:
    """The released studies.

    Args:
        root: the folder of the release.
        padchest: the folder of PadChest; its table is needed, its images are not.
        reader: 1 for the boxes of the first radiologist, 2 for those of the second.
        ap_horizontal: as for ``padchest``, and to be chosen alike.

    Raises:
        RecipeError: ``reader`` is neither 1 nor 2.
    """

    name = "padchest_gr"
    family = "padchest"
    access: Access = "credentialed"
    licence = "PadChest-GR research use agreement: research only, no redistribution"
    citation = (
        "Castro DC, Bustos A, Bannur S, et al. 2025. PadChest-GR: A bilingual chest X-ray dataset "
        "for grounded radiology report generation. NEJM AI 2(7)"
    )
    needs: tuple[str, ...] = ("padchest",)
    uses: tuple[str, ...] = ()

    def __init__(
        self,
        root: str | Path,
        padchest: str | Path,
        reader: int = 1,
        ap_horizontal: bool = True,
    ) -> None:
        if reader not in (1, 2):
            raise RecipeError("reader is neither 1 nor 2", self.name)
        self.root, self.padchest = Path(root), Path(padchest)
        self.reader = reader
        self.ap_horizontal = ap_horizontal
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """Sentences, split and images."""
        return [
            SourceFile(REPORTS, True, _HOW),
            SourceFile(MASTER, True, f"or {MASTER}.zip; {_HOW}"),
            SourceFile(GR_IMAGES[0], False, f"images, where PadChest's root lacks them; {_HOW}"),
        ]

    def withheld(self) -> frozenset[str]:
        """Nobody: the test patients have their split."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study with an image that can be used, by patient and study.

        Raises:
            TableError: a file is missing or damaged, or the split puts a patient into two.
        """
        self.quarantine.clear()
        master = read_master(self.root)
        images = Images(self.padchest, self.root, master.images)
        entries = list(self._entries(part))
        table = read_padchest(self.padchest, {entry.StudyID for entry in entries})
        ordered = rows(table, "PatientID", "StudyID", "ImageID")
        about = {
            key: told_once(group, itemgetter("ImageID"))[0]
            for key, group in groupby(ordered, key=itemgetter("PatientID", "StudyID"))
        }
        of_image = {row["ImageID"]: row for study in about.values() for row in study}
        known = sorted(self._known(entries, of_image, part), key=attrgetter("patient", "study"))
        for key, group in groupby(known, key=attrgetter("patient", "study")):
            split = master.splits.get(key[0])
            if made := self._study(list(group), about[key], images, split):
                yield made

    def _entries(self, part: Slice) -> Iterator[Entry]:
        """The entries of the released file that have its form."""
        path = self.root / REPORTS
        if not path.is_file():
            raise TableError(f"holds no {REPORTS}", self.root, "Check the root")
        raw = read_json(path)
        if not isinstance(raw, list):
            raise TableError("is no list of studies", path, "Get the file anew")
        for number, item in enumerate(raw, 1):
            try:
                yield Entry.model_validate(item)
            except ValidationError:
                if f"entry {number}" in part:
                    self._leave_out(f"entry {number}", "the entry has not the form of the release")

    def _known(
        self, entries: Sequence[Entry], table: Mapping[str, Row], part: Slice
    ) -> Iterator[Known]:
        """The entries of the slice that PadChest's table knows, none twice."""
        kept, repeated = told_once(entries, attrgetter("ImageID"))
        for image, reason in repeated:
            if table.get(image, {}).get("PatientID", image) in part:
                self._leave_out(image, reason)
        for entry in kept:
            row = table.get(entry.ImageID)
            if row and row["PatientID"] and row["StudyID"] == entry.StudyID:
                if row["PatientID"] in part:
                    yield Known(row["PatientID"], entry.StudyID, entry.ImageID, entry, row)
            elif entry.ImageID in part:
                self._leave_out(entry.ImageID, "PadChest's table does not know the image")

    def _study(
        self, said: Sequence[Known], about: Sequence[Row], images: Images, split: Split | None
    ) -> Study | None:
        """The study of some entries; none where no image of it can be used."""
        views: list[View] = []
        found: list[Finding] = []
        sentences: list[str] = []
        for one in said:
            try:
                views.append(view_of(one.row, images, self.ap_horizontal))
            except InputError as error:
                self._leave_out(one.image, error.what)
                continue
            found += self._findings(one.entry)
            sentences += [_even(sentence.sentence_en) for sentence in one.entry.findings]
        if not views:
            return None
        text = " ".join(filter(None, sentences))
        return Study(
            family=self.family,
            sources=(self.name,),
            id=said[0].study,
            patient=said[0].patient,
            split=split,
            access=self.access,
            views=tuple(views),
            texts=report_of(about) | ({"findings": text} if text else {}),
            findings=tuple(dict.fromkeys(found)),
            sex=sex_of(about),
            age=age_of(about),
            prior=said[0].entry.PreviousStudyID or None,
        )

    def _findings(self, entry: Entry) -> Iterator[Finding]:
        abnormal = any(sentence.abnormal for sentence in entry.findings)
        for sentence in entry.findings:
            boxes = tuple(self._boxes(entry.ImageID, sentence))
            phrase = _even(sentence.sentence_en) or None
            names = [_named(label) for label in sentence.labels or () if label.strip()]
            for name in names or [UNNAMED if sentence.abnormal else NO_FINDING]:
                status: Status = "present" if sentence.abnormal else "absent"
                if name == NO_FINDING:
                    status = "absent" if abnormal else "present"
                drawn = boxes if sentence.abnormal and status == "present" else ()
                yield Finding(name, status, ORIGIN, entry.ImageID, drawn, phrase)

    def _boxes(self, image: str, sentence: Sentence) -> Iterator[Box]:
        """The chosen reader's boxes of a sentence; what is no box is left out."""
        for corners in (sentence.boxes if self.reader == 1 else sentence.extra_boxes) or ():
            try:
                yield from_pixels(corners, 1, 1)
            except RecordError as error:
                self._leave_out(image, error.what)

    def _leave_out(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def _even(text: str | None) -> str:
    return " ".join((text or "").split())


def _named(label: str) -> str:
    name = spelled(label)
    return NO_FINDING if name.lower() == "normal" else name
