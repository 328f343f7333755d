"""MS-CXR 0.1 to 1.1.0: phrases of reports with boxes on MIMIC-CXR's views, by radiologists.

In: ``MS_CXR_Local_Alignment_v1.*.csv`` or, where that is not there, the COCO file of the same name.
Out: studies with one finding a phrase, several rows of a phrase being its several boxes, which
``merge`` joins to MIMIC-CXR's. Boxes are x, y, width, height in pixels of a picture whose size
stands beside them. The split that 1.1.0 brings is not MIMIC-CXR's and is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import orjson

from radvlm.boxes import from_pixels
from radvlm.errors import RecordError, TableError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Box, Finding, Study, View
from radvlm.sources.release import Row, find_table, read_table, rows

STEMS = ("MS_CXR_Local_Alignment_v1.1.0", "MS_CXR_Local_Alignment_v1.0.0")
ORIGIN = "radiologist"

_NUMBERS = ("x", "y", "w", "h", "image_width", "image_height")
_COLUMNS = ("dicom_id", "category_name", "label_text", "path", *_NUMBERS)
_PATH = re.compile(r"files/p\d{2}/p(\d{8})/s(\d{8})/([0-9a-f-]{44})\.(?:jpg|dcm)")


class MsCxrSource:
    """MS-CXR."""

    name = "ms_cxr"
    family = "mimic"
    access: Access = "credentialed"
    licence = "PhysioNet Credentialed Health Data License 1.5.0"
    citation = "Boecking et al. 2022, MS-CXR: Making the most of text semantics."
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """One table."""
        where = "physionet.org/content/ms-cxr, credentialed access and its agreement"
        return [SourceFile("MS_CXR_Local_Alignment_v1.*", True, where)]

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice with a phrase that has a box.

        Raises:
            TableError: neither table is there, or one is damaged.
        """
        self.quarantine.clear()
        placed = sorted(self._placed(part), key=lambda one: one[0])
        for (subject, study), group in groupby(placed, key=lambda one: one[0][:2]):
            findings = tuple(self._findings([(ids[2], row) for ids, row in group]))
            if findings:
                yield self._study(subject, study, findings)

    def _placed(self, part: Slice) -> Iterator[tuple[tuple[str, str, str], Row]]:
        """((subject, study, view), row) of each row of the slice, in the table's order."""
        seen = set()
        for row in self._rows():
            match = _PATH.fullmatch(row["path"])
            if match is None or match[3] != row["dicom_id"]:
                if part.whole or "" in part:
                    self._lose(row["dicom_id"][:60], "the path is not of the release's form")
                continue
            if match[1] not in part:
                continue
            key = tuple(row.values())
            if key in seen:
                self._lose(row["dicom_id"], "duplicated row")
                continue
            seen.add(key)
            yield (match[1], match[2], match[3]), row

    def _rows(self) -> Iterator[Row]:
        for stem in STEMS:
            if path := find_table(self.root, f"{stem}.csv"):
                return rows(read_table(path, _COLUMNS))
            if (path := self.root / f"{stem}.json").is_file():
                return _coco(path)
        raise TableError("holds no MS-CXR table", self.root, "Check the root")

    def _findings(self, of_study: Sequence[tuple[str, Row]]) -> Iterator[Finding]:
        phrases: dict[tuple[str, str, str], list[Box]] = {}
        for view, row in of_study:
            key = view, row["category_name"], " ".join(row["label_text"].split())
            boxes = phrases.setdefault(key, [])
            try:
                boxes.append(_box(row))
            except RecordError as error:
                self._lose(view, error.what)
        for (view, name, phrase), boxes in phrases.items():
            if boxes:
                yield Finding(name, "present", ORIGIN, view, tuple(boxes), phrase)

    def _study(self, subject: str, study: str, findings: tuple[Finding, ...]) -> Study:
        names = dict.fromkeys(finding.view or "" for finding in findings)
        return Study(
            family=self.family,
            sources=(self.name,),
            id=study,
            patient=subject,
            split=None,
            access=self.access,
            views=tuple(View(name, "") for name in names),
            findings=findings,
        )

    def _lose(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def _box(row: Row) -> Box:
    try:
        x, y, w, h, width, height = (float(row[name]) for name in _NUMBERS)
    except ValueError:
        raise RecordError("a box has no numbers") from None
    if not (width > 0 and height > 0):
        raise RecordError("an image has no size")
    return from_pixels((x, y, x + w, y + h), width, height)


def _coco(path: Path) -> Iterator[Row]:
    """The rows that the release's own script makes of its COCO file."""
    try:
        tree = orjson.loads(path.read_bytes())
        images = {image["id"]: image for image in tree["images"]}
        names = {category["id"]: category["name"] for category in tree["categories"]}
        for one in tree["annotations"]:
            image = images[one["image_id"]]
            x, y, w, h = one["bbox"]
            yield {
                "dicom_id": Path(image["file_name"]).stem,
                "category_name": names[one["category_id"]],
                "label_text": one["label_text"],
                "path": image["path"],
                **{"x": str(x), "y": str(y), "w": str(w), "h": str(h)},
                "image_width": str(image["width"]),
                "image_height": str(image["height"]),
            }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableError("is no MS-CXR file", path, "Get it anew") from error
