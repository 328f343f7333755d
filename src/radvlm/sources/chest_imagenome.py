"""Chest ImaGenome 1.0.0: boxes of anatomical regions on MIMIC-CXR's frontal views.

In: scene graphs (``silver_dataset/scene_graph/`` or ``scene_graph.zip``), the lists of images in
``silver_dataset/splits``, the gold boxes, and MIMIC-CXR's metadata for the images' full size, which
the boxes ``original_x1 …`` are in. Out: studies with regions that ``merge`` joins to MIMIC-CXR's.

The release's own split crosses MIMIC-CXR's and is not used, unless somebody asks for the published
system's test set. The gold set's patients are withheld from training (its ``images_to_avoid``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from radvlm.boxes import from_pixels
from radvlm.errors import InputError, RecordError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Region, Split, Study, View
from radvlm.sources.mimic_cxr import TABLES
from radvlm.sources.mimic_tables import join
from radvlm.sources.release import Row, find_table, need_table, of_slice, read_table, rows
from radvlm.sources.scene_graphs import SceneGraphs

LISTS = ("train", "valid", "test")
SPLITS = "silver_dataset/splits"
AVOID = f"{SPLITS}/images_to_avoid.csv"
GOLD = "gold_dataset/gold_bbox_coordinate_annotations_1000images.csv"

_CORNERS = ("original_x1", "original_y1", "original_x2", "original_y2")
_IDS = ("subject_id", "study_id", "dicom_id")
_TIMES = "×"

NOT_THERE = "not among MIMIC-CXR's images"
NO_SIZE = "MIMIC-CXR's metadata have no one size of the image"

Found = tuple[Row, Split | None, list[Region]]
"""An image, the split the release gives it where that is asked for, and its regions."""


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
        regions = self._gold(part) if self.gold else self._silver(part)
        for _, group in groupby(regions, key=lambda found: found[0]["study_id"]):
            study = self._study(list(group))
            if study.views:
                yield study

    def _metadata(self) -> pa.Table:
        """Whose each of MIMIC-CXR's images is, and its ``size`` as width × height."""
        path = need_table(self.mimic, TABLES["metadata"])
        table = read_table(path, (*_IDS, "Columns", "Rows"))
        size = pc.binary_join_element_wise(table["Columns"], table["Rows"], _TIMES)
        return table.select(_IDS).append_column("size", size)

    def _listed(self, part: Slice) -> pa.Table:
        """The listed images, which list each is of, and its size where MIMIC-CXR has it."""
        lists = []
        for name in LISTS:
            path = need_table(self.root, f"{SPLITS}/{name}.csv")
            table = of_slice(read_table(path, _IDS), "subject_id", part)
            lists.append(table.append_column("list", pa.array([name] * len(table), pa.string())))
        sizes = of_slice(self._metadata(), "subject_id", part).select(("dicom_id", "size"))
        return join(pa.concat_tables(lists), sizes)[0]

    def _silver(self, part: Slice) -> Iterator[Found]:
        listed = rows(self._listed(part), *_IDS)
        with SceneGraphs(self.root / "silver_dataset") as graphs:
            for name, group in groupby(listed, key=itemgetter("dicom_id")):
                row, *more = group
                if more:
                    self._lose(name, "listed twice")
                try:
                    objects = graphs.objects(name)
                except InputError as error:
                    self._lose(name, error.what)
                    continue
                split: Split | None = "test" if self.own_split and row["list"] == "test" else None
                yield row, split, list(self._regions(name, objects, row))

    def _gold(self, part: Slice) -> Iterator[Found]:
        """The gold table has no patients; MIMIC-CXR's metadata tell whose an image is."""
        table = read_table(need_table(self.root, GOLD), ("image_id", "bbox_name", *_CORNERS))
        boxed: dict[str, list[dict[str, Any]]] = {}
        for row in rows(table):
            boxed.setdefault(row["image_id"].removesuffix(".dcm"), []).append(row)
        images = self._metadata()
        images = images.filter(pc.is_in(images["dicom_id"], value_set=pa.array(boxed, pa.string())))
        for name in sorted(set(boxed) - set(images["dicom_id"].to_pylist())):
            if name in part:
                self._lose(name, NOT_THERE)
        for row in rows(of_slice(images, "subject_id", part), *_IDS):
            name = row["dicom_id"]
            yield row, None, list(self._regions(name, boxed[name], row))

    def _regions(self, view: str, objects: Iterable[dict[str, Any]], row: Row) -> Iterator[Region]:
        try:
            width, height = map(float, row["size"].split(_TIMES))
        except ValueError:
            self._lose(view, NO_SIZE if row["size"] else NOT_THERE)
            return
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

    def _study(self, found: Sequence[Found]) -> Study:
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
