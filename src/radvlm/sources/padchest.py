"""PadChest: 160,000 radiographs of 67,000 patients with Spanish reports and labels of the report.

In: the folder with the table of 2019 and the images, 16-bit PNG, in ``0/`` … ``54/`` or flat. Out:
studies with their views, section ``report`` (Spanish, as released: lower case, stop words gone)
and labels of the whole study. Labels of 27 % of the reports are by physicians (origin
``physician``), the others by a recurrent network (``rnn``).

A list of labels says what the report mentions as present; what it lacks is not known to be absent.
``normal``, alone, is ``No Finding``. There is no official split but that of PadChest-GR, whose
patients keep it where its root is given. Images are found in either root, so that the two sources
merge whichever of them holds the files; see ``padchest_tables.Images``.
Bustos et al. 2020, Medical Image Analysis 66:101797.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from radvlm.errors import InputError, RecordError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Finding, Split, Study, View
from radvlm.sources.padchest_tables import (
    TABLE,
    Images,
    Master,
    age_of,
    read_master,
    read_padchest,
    report_of,
    sex_of,
    view_of,
)
from radvlm.sources.release import Row, of_slice, rows
from radvlm.sources.told import spelled, told_once
from radvlm.vocabulary import NO_FINDING

ORIGINS = {"Physician": "physician", "RNN_model": "rnn"}
NORMAL = "normal"
NO_FINDINGS = frozenset({"", "exclude", "suboptimal study", "unchanged"})
"""Labels that say nothing of what is to be seen."""

_MAX_CELL = 20_000
_HOW = "bimcv.cipf.es/bimcv-projects/padchest, on request, PadChest data use agreement"


class PadchestSource:
    """The released studies.

    Args:
        root: the folder of the release.
        padchest_gr: the folder of PadChest-GR, whose split and images are used.
        ap_horizontal: radiographs of lying patients are AP; if not, they are OTHER and so not
            asked about, as in RadVLM.
    """

    name = "padchest"
    family = "padchest"
    access: Access = "credentialed"
    licence = "PadChest data use agreement: research only, no redistribution"
    citation = (
        "Bustos A, Pertusa A, Salinas JM, de la Iglesia-Vayá M. 2020. PadChest: A large chest "
        "x-ray image dataset with multi-label annotated reports. Medical Image Analysis 66:101797"
    )
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ("padchest_gr",)

    def __init__(
        self,
        root: str | Path,
        padchest_gr: str | Path | None = None,
        ap_horizontal: bool = True,
    ) -> None:
        self.root = Path(root)
        self.gr = Path(padchest_gr) if padchest_gr else None
        self.ap_horizontal = ap_horizontal
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """The table, and the folders of images."""
        return [
            SourceFile(TABLE, True, _HOW),
            SourceFile("0", False, f"images, 0 to 54 or all in the root; {_HOW}"),
        ]

    def withheld(self) -> frozenset[str]:
        """Nobody: GR's test patients have their split."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study with an image that can be used, by patient and study.

        Raises:
            TableError: the table is missing or damaged, or GR's puts a patient into two splits.
        """
        self.quarantine.clear()
        master = read_master(self.gr) if self.gr else Master()
        images = Images(self.root, self.gr, master.images)
        table = of_slice(read_padchest(self.root), "PatientID", part)
        ordered = rows(table, "PatientID", "StudyID", "ImageID")
        for (patient, _), group in groupby(ordered, key=itemgetter("PatientID", "StudyID")):
            study, repeated = told_once(group, itemgetter("ImageID"))
            for image, reason in repeated:
                self._leave_out(image, reason)
            made = self._study(study, images, master.splits.get(patient)) if study else None
            if made:
                yield made

    def _study(self, study: Sequence[Row], images: Images, split: Split | None) -> Study | None:
        """The study of some rows; none where no image of it can be used."""
        views: list[View] = []
        found: list[Finding] = []
        for row in study:
            try:
                if not (row["PatientID"] and row["StudyID"]):
                    raise RecordError("the patient or the study is missing")
                said = _findings(row["Labels"], row["MethodLabel"])
                views.append(view_of(row, images, self.ap_horizontal))
            except InputError as error:
                self._leave_out(row["ImageID"], error.what)
            else:
                found += said
        if not views:
            return None
        return Study(
            family=self.family,
            sources=(self.name,),
            id=study[0]["StudyID"],
            patient=study[0]["PatientID"],
            split=split,
            access=self.access,
            views=tuple(views),
            texts=report_of(study),
            findings=tuple(dict.fromkeys(found)),
            sex=sex_of(study),
            age=age_of(study),
        )

    def _leave_out(self, image: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, image, reason))


@lru_cache(maxsize=65536)
def _findings(cell: str, method: str) -> tuple[Finding, ...]:
    """What the labels of a row say of its study; the same few lists come again and again.

    Raises:
        RecordError: the cell is no list of texts.
    """
    origin = ORIGINS.get(method.strip(), "padchest")
    labels = [label for label in labels_of(cell) if label not in NO_FINDINGS]
    abnormal = [label for label in labels if label != NORMAL]
    if labels and not abnormal:
        return (Finding(NO_FINDING, "present", origin),)
    return tuple(Finding(spelled(label), "present", origin) for label in abnormal)


def labels_of(cell: str) -> tuple[str, ...]:
    """The items of a Python list written as text, white space evened out, none twice.

    Raises:
        RecordError: the cell is no list of texts.
    """
    if not cell.strip():
        return ()
    try:
        items = ast.literal_eval(cell.strip()) if len(cell) <= _MAX_CELL else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        items = None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise RecordError("the labels are no list of texts")
    return tuple(dict.fromkeys(" ".join(item.split()) for item in items))
