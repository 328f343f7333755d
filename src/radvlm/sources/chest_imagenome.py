"""Chest ImaGenome 1.0.0: boxes of anatomical regions on MIMIC-CXR's frontal views.

In: scene graphs (``silver_dataset/scene_graph/`` or ``scene_graph.zip``), the lists of images in
``silver_dataset/splits``, the gold boxes, and MIMIC-CXR's metadata for the images' full size, which
the boxes ``original_x1 …`` are in. Out: studies with regions that ``merge`` joins to MIMIC-CXR's.

The release's own split crosses MIMIC-CXR's and is not used, unless somebody asks for the published
system's test set. The gold set's patients are withheld from training (its ``images_to_avoid``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from radvlm.boxes import from_pixels
from radvlm.errors import InputError, RecordError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Region, Split, Study, View
from radvlm.sources.mimic_cxr import TABLES
from radvlm.sources.release import Row, find_table, need_table, of_slice, read_table, rows
from radvlm.sources.scene_graphs import SceneGraphs

LISTS = ("train", "valid", "test")
SPLITS = "silver_dataset/splits"
AVOID = f"{SPLITS}/images_to_avoid.csv"
GOLD = "gold_dataset/gold_bbox_coordinate_annotations_1000images.csv"

_CORNERS = ("original_x1", "original_y1", "original_x2", "original_y2")
_IDS = ("subject_id", "study_id", "dicom_id")


class ChestImagenomeSource:
    """Chest ImaGenome.

    Args:
        root: the folder ``chest-imagenome/1.0.0``.
        mimic_cxr: the folder of MIMIC-CXR-JPG, for the sizes of the images.
        gold: the boxes that radiologists drew, instead of the silver ones.
        own_split: say that the release's test images are test, as the published code does although
            their patients are in MIMIC-CXR's training set.
    """

    name = "chest_imagenome"
    family = "mimic"
    access: Access = "credentialed"
    licence = "PhysioNet Credentialed Health Data License 1.5.0"
    citation = "Wu et al. 2021, Chest ImaGenome dataset for clinical reasoning."
    needs: tuple[str, ...] = ("mimic_cxr",)
    uses: tuple[str, ...] = ()

    def __init__(
        self, root: str | Path, mimic_cxr: str | Path, gold: bool = False, own_split: bool = False
    ) -> None:
        self.root, self.mimic = Path(root), Path(mimic_cxr)
        self.gold, self.own_split = gold, own_split
        self.quarantine: list[Quarantined] = []

    def files(self) -> Sequence[SourceFile]:
        """The lists, the scene graphs (zipped or not), the gold boxes."""
        where = "physionet.org/content/chest-imagenome, credentialed access and its agreement"
        lists = [SourceFile(f"{SPLITS}/{name}.csv", True, where) for name in LISTS]
        graphs = SourceFile("silver_dataset/scene_graph*", True, where)
        return [
            *lists,
            graphs,
            SourceFile(AVOID, True, where),
            SourceFile(GOLD, self.gold, where),
        ]

    def withheld(self) -> frozenset[str]:
        """The patients of the gold set, where the release lists them."""
        listed = find_table(self.root, AVOID)
        if listed is None:
            return frozenset()
        return frozenset(row["subject_id"] for row in rows(read_table(listed, ("subject_id",))))

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every study of the slice with a region.

        Raises:
            TableError: a table is missing or damaged.
            InputError: there are no scene graphs.
        """
        self.quarantine.clear()
        sizes = self._sizes(part)
        regions = self._gold(part, sizes) if self.gold else self._silver(part, sizes)
        for _, group in groupby(regions, key=lambda found: found[0]["study_id"]):
            study = self._study(list(group))
            if study.views:
                yield study

    def _sizes(self, part: Slice) -> dict[str, Row]:
        """View → its row of MIMIC-CXR's metadata."""
        return {
            row["dicom_id"]: row for row in rows(of_slice(self._metadata(), "subject_id", part))
        }

    def _metadata(self) -> pa.Table:
        path = need_table(self.mimic, TABLES["metadata"])
        return read_table(path, (*_IDS, "Rows", "Columns"))

    def _silver(
        self, part: Slice, sizes: Mapping[str, Row]
    ) -> Iterator[tuple[Row, Split | None, list[Region]]]:
        listed: list[tuple[Row, Split | None]] = []
        for name in LISTS:
            path = need_table(self.root, f"{SPLITS}/{name}.csv")
            split: Split | None = "test" if self.own_split and name == "test" else None
            table = of_slice(read_table(path, _IDS), "subject_id", part)
            listed += [(row, split) for row in rows(table)]
        listed.sort(key=lambda one: [one[0][name] for name in _IDS])
        with SceneGraphs(self.root / "silver_dataset") as graphs:
            for name, group in groupby(listed, key=lambda one: one[0]["dicom_id"]):
                (row, split), *more = group
                if more:
                    self._lose(name, "listed twice")
                try:
                    objects = graphs.objects(name)
                except InputError as error:
                    self._lose(name, error.what)
                    continue
                yield row, split, list(self._regions(name, objects, sizes.get(name)))

    def _gold(
        self, part: Slice, sizes: Mapping[str, Row]
    ) -> Iterator[tuple[Row, Split | None, list[Region]]]:
        """The gold table has no patients; MIMIC-CXR's metadata tell whose an image is."""
        table = read_table(need_table(self.root, GOLD), ("image_id", "bbox_name", *_CORNERS))
        boxed: dict[str, list[dict[str, Any]]] = {}
        for row in rows(table):
            boxed.setdefault(row["image_id"].removesuffix(".dcm"), []).append(row)
        known = set(self._metadata()["dicom_id"].to_pylist())
        for name in sorted(set(boxed) - known):
            if name in part:
                self._lose(name, "not among MIMIC-CXR's images")
        ours = [sizes[name] for name in boxed if name in sizes]
        for row in sorted(ours, key=lambda row: [row[name] for name in _IDS]):
            name = row["dicom_id"]
            yield row, None, list(self._regions(name, boxed[name], row))

    def _regions(
        self, view: str, objects: Iterable[dict[str, Any]], size: Row | None
    ) -> Iterator[Region]:
        if size is None:
            self._lose(view, "not among MIMIC-CXR's images")
            return
        width, height = float(size["Columns"]), float(size["Rows"])
        seen = set()
        for one in objects:
            name = str(one.get("bbox_name"))
            try:
                x1, y1, x2, y2 = (float(one[corner]) for corner in _CORNERS)
                if name in seen:
                    raise RecordError("a region is there twice")
                region = Region(name, view, from_pixels((x1, y1, x2, y2), width, height))
            except (KeyError, TypeError, ValueError):
                self._lose(f"{view}: {name[:60]}", "a box has no corners in pixels")
            except RecordError as error:
                self._lose(f"{view}: {name[:60]}", error.what)
            else:
                seen.add(name)
                yield region

    def _study(self, found: Sequence[tuple[Row, Split | None, list[Region]]]) -> Study:
        first, split, _ = found[0]
        return Study(
            family=self.family,
            sources=(self.name,),
            id=first["study_id"],
            patient=first["subject_id"],
            split=split,
            access=self.access,
            views=tuple(View(row["dicom_id"], "") for row, _, regions in found if regions),
            regions=tuple(region for _, _, regions in found for region in regions),
        )

    def _lose(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))
