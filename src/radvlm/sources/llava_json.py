"""Conversations in the LLaVA format, such as the released RadVLM Instruction Dataset.

In: a JSON list or JSON Lines of ``{"id", "image", "conversations": [{"from", "value"}]}``, and
the folder its images are named from. Out: one study an examination, with a ``Dialogue`` of origin
``released`` an item. ``[x1, y1, x2, y2]`` (fractions of the image) in a text becomes a box part;
values a little beyond the image and swapped corners are mended as in a model's answer, and an item
with four numbers that make no box is quarantined, so no coordinate stays text.

A path of MIMIC-CXR (``…/p10999001/s50999001/DICOM.jpg``) tells family, patient, study and view in
the names of that release, so that its dialogues merge with what other sources say of the study,
and so does one of CheXpert (``…/patient00001/study1/view1_frontal.jpg``). Elsewhere the patient is
unknown, and the path without its ending is study and view.

An assumption until the release has been seen: that it has this layout, and the image paths of the
code it was made with (uzh-dqbm-cmi/RadVLM), which wrote them absolute (see ``prefix``). Its items
may hold ``labels``: they are not read, because that code gave conversations the labels of other
studies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa

from radvlm.codecs import get_codec
from radvlm.errors import InputError, RecipeError, RecordError
from radvlm.protocols import WHOLE, Quarantined, Slice, SourceFile
from radvlm.records import Access, Dialogue, Projection, Role, Split, Study, Turn, View
from radvlm.sources.llava_items import Items, open_items
from radvlm.sources.release import Below, Row, rows

ORIGIN = "released"

_MIMIC = re.compile(r"(?:^|/)p(\d{8})/s(\d{8})/([^/]+)\.\w+\Z")
_CHEXPERT = re.compile(r"(?:^|/)((?:train|valid|test)/(patient\d+)/study\d+)/([^/]+)\.\w+\Z")
_NO_BOX = re.compile(r"\[\s*[-\d.][-+.\deE]*(?:[\s,]+[-\d.][-+.\deE]*){3}\s*\]")
_ROLES: dict[str, Role] = {"system": "system", "human": "user", "gpt": "assistant"}
_IMAGE = "<image>"

_KEY = ("family", "patient", "study")
_INDEX = pa.schema([(name, pa.string()) for name in (*_KEY, "image", "place", "where")])
_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class Named:
    """What the path of an image tells; ``patient`` is empty where it tells none."""

    family: str
    patient: str
    study: str
    view: str


class LlavaJson:
    """Dialogues of one file about the images below ``root``.

    Args:
        root: the folder of the images; itself or steps to it may be links.
        file: the JSON list or JSON Lines, below the root or anywhere.
        family: of images whose path tells none.
        split: of all items; the release has one file a split.
        access: of the file.
        images: without them, views have no path and no projection, for a source that has to fill.
        projection: of all views; the published set holds frontal images alone (paper §3.1).
        prefix: what stands in front of the paths in the file and is not below the root.
    """

    name = "llava_json"
    licence = "that of the file; the RadVLM Instruction Dataset: PhysioNet Credentialed Health Data"
    citation = (
        "Deperrois et al. 2025, RadVLM: A Multitask Conversational Vision-Language Model for "
        "Radiology"
    )
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    def __init__(
        self,
        root: str | Path,
        file: str | Path,
        family: str = "llava_json",
        split: Split | None = "train",
        access: Access = "credentialed",
        images: bool = True,
        projection: Projection = "FRONTAL",
        prefix: str = "",
    ) -> None:
        self.root = Path(root)
        self.file = self.root / file
        self.family = family
        self.split = _one_of("split", split, (*get_args(Split), None))
        self.access: Access = _one_of("access", access, get_args(Access))
        self.images = images
        self.projection = _one_of("projection", projection, get_args(Projection))
        self.prefix = prefix
        self.quarantine: list[Quarantined] = []
        self._below = Below(self.root)
        self._bases = (f"{os.path.abspath(self.root)}/", f"{self._below.root}/")
        self._codec = get_codec("radvlm_01")

    def studies(self, part: Slice = WHOLE) -> Iterator[Study]:
        """Every examination of the slice with its dialogues, in the order of the file.

        Raises:
            TableError: the file cannot be read.
        """
        self.quarantine.clear()
        with open_items(self.file) as items:
            index = self._index(items, part)
            ordered = rows(index, *_KEY, "image", "place")
            for _, group in groupby(ordered, key=itemgetter(*_KEY)):
                if study := self._study(items, list(group)):
                    yield study

    def files(self) -> Sequence[SourceFile]:
        """The file; its images are those of other releases."""
        note = "RadVLM Instruction Dataset: PhysioNet, credentialed, signed agreement"
        return (SourceFile(str(self.file), True, note),)

    def withheld(self) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def _index(self, items: Items, part: Slice) -> pa.Table:
        """Where the items of the slice stand and what they are about, as text columns."""
        batches: list[pa.RecordBatch] = []
        found: list[dict[str, str]] = []
        for number, (place, item) in enumerate(items.scan(), 1):
            where = _where(item, number)
            try:
                image = self._relative(_image(item))
            except RecordError as error:
                if where in part:
                    self._lose(where, error.what)
                continue
            named = self._named(image)
            if (named.patient or named.study) not in part:
                continue
            about = dict(zip(_KEY, (named.family, named.patient, named.study), strict=True))
            # Padded, so that places are in order as text too.
            here = {"image": image, "place": f"{place:015d}", "where": where}
            found.append({**about, **here})
            if len(found) == _BATCH:
                batches.append(pa.RecordBatch.from_pylist(found, schema=_INDEX))
                found = []
        batches.append(pa.RecordBatch.from_pylist(found, schema=_INDEX))
        return pa.Table.from_batches(batches, schema=_INDEX)

    def _study(self, items: Items, group: Sequence[Row]) -> Study | None:
        views: dict[str, View] = {}
        dialogues = []
        read: list[Any] = []
        for row in group:
            item = items.at(int(row["place"]))
            try:
                if (said := (item.get("id"), item.get("conversations"))) in read:
                    raise RecordError("duplicated row")
                read.append(said)
                view = self._view(row["image"])
                if views.setdefault(view.id, view) != view:
                    raise RecordError("another file of the same view")
                dialogues.append(Dialogue(self._turns(item), ORIGIN, view.id))
            except InputError as error:
                self._lose(row["where"], error.what)
        if not dialogues:
            return None
        shown = {dialogue.view for dialogue in dialogues}
        return Study(
            family=group[0]["family"],
            sources=(self.name,),
            id=group[0]["study"],
            patient=group[0]["patient"] or None,
            split=self.split,
            access=self.access,
            views=tuple(view for view in views.values() if view.id in shown),
            dialogues=tuple(dialogues),
        )

    def _view(self, image: str) -> View:
        named = self._named(image)
        if not self.images:
            return View(named.view, "")
        lateral = named.family == "chexpert" and named.view.endswith("_lateral")
        path = self._below.file(image)
        return View(named.view, path, "LATERAL" if lateral else self.projection)

    def _turns(self, item: Mapping[str, Any]) -> tuple[Turn, ...]:
        said = item.get("conversations")
        if not isinstance(said, list):
            raise RecordError("the item holds no conversation")
        turns = tuple(map(self._turn, said))
        roles = [turn.role for turn in turns if turn.role != "system"]
        alternate = roles == ["user", "assistant"] * (len(roles) // 2)
        if not roles or not alternate or any(turn.role == "system" for turn in turns[1:]):
            raise RecordError("the conversation is not human and gpt by turns")
        return turns

    def _turn(self, said: Any) -> Turn:
        if not isinstance(said, dict) or not isinstance(text := said.get("value"), str):
            raise RecordError("a turn of the conversation has no text")
        if (role := _ROLES.get(str(said.get("from")))) is None:
            raise RecordError("a turn is said by neither human nor gpt")
        if _IMAGE in text:
            text = text.replace(_IMAGE, "").strip()
        parts, _ = self._codec.parse(text, (1, 1))
        if not parts:
            raise RecordError("a turn of the conversation is empty")
        if any(isinstance(p, str) and _NO_BOX.search(p) for p in parts):
            raise RecordError("four numbers in brackets are no box")
        return Turn(role, parts)

    def _relative(self, image: str) -> str:
        """The path as it is below the root, where it leads there at all."""
        image = image.removeprefix(self.prefix)
        base = next((base for base in self._bases if image.startswith(base)), "")
        return image.removeprefix(base)

    def _named(self, image: str) -> Named:
        if found := _MIMIC.search(image):
            return Named("mimic", *found.groups())
        if found := _CHEXPERT.search(image):
            study, patient, view = found.groups()
            return Named("chexpert", patient, study, f"{study}/{view}")
        bare = os.path.splitext(image)[0]
        return Named(self.family, "", bare, bare)

    def _lose(self, where: str, reason: str) -> None:
        self.quarantine.append(Quarantined(self.name, where, reason))


def _image(item: Any) -> str:
    """The one image an item names."""
    if not isinstance(item, dict):
        raise RecordError("is no item of the LLaVA format")
    image = item.get("image")
    if isinstance(image, list) and len(image) == 1:
        image = image[0]
    if not isinstance(image, str) or not image:
        raise RecordError("the item names no image, or several")
    return image


def _where(item: Any, number: int) -> str:
    named = item.get("id") if isinstance(item, dict) else None
    return str(named)[:80] if isinstance(named, str | int) else f"item {number}"


def _one_of(option: str, value: Any, known: Sequence[Any]) -> Any:
    if value not in known:
        raise RecipeError(f"option {option} of llava_json is {value!r}", remedy=f"Known: {known}")
    return value
