"""What the rows of CheXpert and CheXpert Plus say: paths, labels, patients; where the images are.

Both sources name patients, studies and views by the functions here, so that what they say of the
same study merges. Patients are named by their folder and studies by their path, since a study's
number alone is not unique: ``patient00001``, ``train/patient00001/study1``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from radvlm.errors import InputError, RecordError
from radvlm.io.files import confined
from radvlm.records import Finding, Projection, Split, View
from radvlm.sources.release import Below, status_of
from radvlm.vocabulary import CHEXPERT_14

SPLITS: dict[str, Split] = {"train": "train", "valid": "validate", "test": "test"}
"""The folders of the images, and the split each is."""

NAMED = (
    r"^(?:CheXpert-v1\.0[^/]*/)?(?P<study>(?P<folder>train|valid|test)/(?P<patient>patient\d+)"
    r"/study\d+)(?:/(?P<view>view\d+_(?:frontal|lateral))\.\w+)?$"
)
"""The path of a study or an image in a table, for arrow and for Python alike."""

SEPARATOR = "\x1f"
"""Between the cells of a row's labels, which are kept as one text."""

_IMAGE = re.compile(r"(view\d+_(?:frontal|lateral))\.(?:jpg|jpeg|png|dcm)")
_PROJECTIONS: dict[str, Projection] = {"AP": "AP", "PA": "PA"}


class Images:
    """The images of some folders below a root, whatever they were encoded to.

    Args:
        root: they do not lie outside of it.
        folders: where the folders of the splits may be, relative to the root; of one that ends in
            ``/*``, those of the patients are there instead.
        endings: of the files, the likeliest first.
    """

    def __init__(
        self, root: Path, folders: Sequence[str], endings: Sequence[str] = (".jpg", ".png", ".dcm")
    ) -> None:
        self._below = Below(root)
        self._folders = ["" if folder == "." else f"{folder}/" for folder in folders]
        self._endings = endings

    def file(self, name: str) -> str:
        """The file of an image, ``train/patient00001/study1/view1_frontal``.

        Raises:
            InputError: it is missing, or a link leads out of the root.
        """
        first: InputError | None = None
        for relative in self._tried(name):
            try:
                return self._below.file(relative)
            except InputError as error:
                first = first or error
        raise first or InputError("the file is missing")

    def find(self, name: str) -> str | None:
        """As ``file``; none where it is missing.

        Raises:
            InputError: a link leads out of the root.
        """
        try:
            return self.file(name)
        except InputError:
            if any(os.path.lexists(self._below.root / path) for path in self._tried(name)):
                raise
            return None

    def _tried(self, name: str) -> Iterator[str]:
        for folder in self._folders:
            place = _in(folder, name)
            yield from (f"{place}{ending}" for ending in self._endings)

    def names(self, study: str) -> list[str]:
        """The views of a study that lie in its folder, sorted."""
        found: set[str] = set()
        for folder in self._folders:
            try:
                listed = os.listdir(confined(self._below.root, _in(folder, study)))
            except (OSError, InputError):
                continue
            found |= {match[1] for name in listed if (match := _IMAGE.fullmatch(name))}
        return sorted(found)


def taken_apart(table: pa.Table) -> pa.Table:
    """The table with columns study, folder, patient and view of what its ``path`` says.

    Where it is no path of the release, the patient is the path and the others are empty.
    """
    parts = pc.extract_regex(table["path"], NAMED).combine_chunks()
    for name in ("study", "folder", "view"):
        table = table.append_column(name, pc.fill_null(pc.struct_field(parts, name), ""))
    patient = pc.coalesce(pc.struct_field(parts, "patient"), table["path"].combine_chunks())
    return table.append_column("patient", patient)


def view_of(study: str, view: str, position: str, path: str) -> View:
    """The view; ``position`` is AP, PA or anything else, which leaves that open."""
    frontal = _PROJECTIONS.get(position.strip(), "FRONTAL")
    return View(f"{study}/{view}", path, "LATERAL" if view.endswith("_lateral") else frontal)


@lru_cache(maxsize=65536)
def findings_of(labels: str, origin: str) -> tuple[Finding, ...]:
    """What cells, in the order of ``CHEXPERT_14``, say; the same ones come again and again.

    Raises:
        RecordError: a cell is none of 1, 0, -1 and empty.
    """
    cells = labels.split(SEPARATOR)
    if len(cells) != len(CHEXPERT_14):
        raise RecordError("a label cell holds a control character")
    said = zip(CHEXPERT_14, map(status_of, cells), strict=True)
    return tuple(Finding(name, status, origin) for name, status in said if status)


def sex_of(cell: str) -> str | None:
    """F or M, where the cell says Female or Male."""
    return {"Female": "F", "Male": "M"}.get(cell.strip())


def age_of(cell: str) -> float | None:
    """Years; none where they are not known, which may be written as 0."""
    try:
        age = float(cell)
    except ValueError:
        return None
    return age if 0 < age < 150 else None


def _in(folder: str, name: str) -> str:
    """The path of a name in a folder; in one that ends in ``*/`` that of the split is left out."""
    if folder.endswith("*/"):
        return folder[:-2] + name.partition("/")[2]
    return folder + name
