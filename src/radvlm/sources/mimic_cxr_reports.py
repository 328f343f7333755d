"""The free-text reports of MIMIC-CXR 2.x, cut into sections.

In: ``files/p10/p10999001/s50999001.txt`` (or a flat folder of ``s*.txt``), with
``cxr-study-list.csv[.gz]`` where it is there. Out: studies without views that ``merge`` joins to
those of ``mimic_cxr``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from radvlm.errors import InputError, TableError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Study
from radvlm.sources.mimic_sections import sections
from radvlm.sources.release import Below, find_table, of_slice, read_table, rows

LIST = "cxr-study-list.csv"
KEPT = ("findings", "impression", "last_paragraph", "indication", "history", "comparison")
"""Sections that become texts of the study."""

MAX_BYTES = 1_000_000
_REPORT = re.compile(r"(?:p(\d{8})[/\\])?s(\d{8})\.txt$")


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
        """The list of studies, and the reports."""
        where = "physionet.org/content/mimic-cxr, credentialed access and its agreement"
        return [SourceFile(LIST, True, where), SourceFile("files", True, f"{where} (reports.zip)")]

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice that has a report with a section of use.

        Raises:
            TableError: neither the list nor a report is there.
        """
        self.quarantine.clear()
        below = Below(self.root)
        for subject, study, path in self._listed(part):
            try:
                text = _read(below.file(path))
            except InputError as error:
                self.quarantine.append(Quarantined(self.name, f"s{study}", error.what))
                continue
            found = sections(text)
            yield Study(
                family=self.family,
                sources=(self.name,),
                id=study,
                patient=subject,
                split=None,
                access=self.access,
                views=(),
                texts={name: found[name] for name in KEPT if name in found},
            )

    def _listed(self, part: Slice) -> Iterator[tuple[str, str, str]]:
        """(subject, study, path of the report below the root), sorted."""
        listed = find_table(self.root, LIST)
        if listed is None:
            yield from self._walked(part)
            return
        flat = not (self.root / "files").is_dir()
        table = read_table(listed, ("subject_id", "study_id", "path"))
        last = None
        for row in rows(of_slice(table, "subject_id", part), "subject_id", "study_id"):
            found = row["subject_id"], row["study_id"]
            if found == last:
                self.quarantine.append(
                    Quarantined(self.name, f"s{row['study_id']}", "duplicated row")
                )
                continue
            last = found
            yield *found, f"s{row['study_id']}.txt" if flat else row["path"]

    def _walked(self, part: Slice) -> Iterator[tuple[str, str, str]]:
        """As ``_listed``, from the tree itself: the folder of a report names the patient."""
        found = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.root)
                match = _REPORT.search(path)
                if match and match[1] and match[1] in part:
                    found.append((match[1], match[2], path))
        if not found and part.whole:
            raise TableError("holds no reports", self.root, "Unpack mimic-cxr-reports.zip there")
        yield from sorted(found)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError("the report is larger than any report")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the report is no UTF-8 text") from None
