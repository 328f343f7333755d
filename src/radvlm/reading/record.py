"""The reading of one radiograph as a record: what every page, file and program is given.

Its JSON is described by ``reading.schema.json``. Boxes are fractions of the original image, origin
top left, written as [x1, y1, x2, y2]. Confidences lie in 0…1 and are not calibrated.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from radvlm.records import Box, Status

NOTICE = "Research use only; not a medical device and not for diagnosis."

Side = Literal["left", "right", "both"]
"""The patient's, which on a frontal image is the other side of the picture."""

_CORNERS = {
    "type": "array",
    "items": {"type": "number", "minimum": 0, "maximum": 1},
    "minItems": 4,
    "maxItems": 4,
    "description": "x1, y1, x2, y2 as fractions of the image",
}
Place = Annotated[
    Box,
    PlainSerializer(lambda box: [box.x1, box.y1, box.x2, box.y2], when_used="json"),
    WithJsonSchema(_CORNERS, mode="serialization"),
]
Sure = Annotated[float, Field(ge=0, le=1)]


class Record(BaseModel):
    """What all records of readings share: they are frozen, and nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return self.model_dump(mode="json")


class Sentence(Record):
    """A sentence of the report, the findings it is about, and where they are seen."""

    text: str
    findings: tuple[str, ...] = ()
    boxes: tuple[Place, ...] = ()


class FoundFinding(Record):
    """A finding that the list or the report speaks of.

    ``confidence`` compares how likely the model finds yes and no when asked for it alone, none
    behind an endpoint; ``box_confidences`` are those of ``boxes``, none where unknown. ``sentence``
    is the index of the sentence that speaks of it.
    """

    name: str
    status: Status
    side: Side | None = None
    boxes: tuple[Place, ...] = ()
    box_confidences: tuple[Sure | None, ...] = ()
    confidence: Sure | None = None
    sentence: int | None = None


class RegionPlace(Record):
    """Where an anatomical region is."""

    name: str
    box: Place
    confidence: Sure | None = None


class ImageSize(Record):
    """Pixels of the original image."""

    width: int
    height: int


class Said(Record):
    """What stands before everything a model says: its scope, the notice, and which model it is."""

    scope: str
    notice: str = NOTICE
    schema_version: Literal[1] = 1
    model: str
    revision: str
    radvlm: str


class Reading(Said):
    """What a model says of one radiograph; ``scope`` and ``notice`` belong before everything.

    Findings that are present come first, then uncertain ones, then absent ones.

    Where ``accepted`` is false the image is unlike those of the training, ``refusal`` says so and
    nothing was asked; with ``forced`` it was asked all the same.
    """

    image: ImageSize
    accepted: bool = True
    refusal: str | None = None
    forced: bool = False
    report: str = ""
    sentences: tuple[Sentence, ...] = ()
    findings: tuple[FoundFinding, ...] = ()
    regions: tuple[RegionPlace, ...] = ()
    contradictions: tuple[str, ...] = ()

    @property
    def present(self) -> tuple[FoundFinding, ...]:
        """The findings that are present."""
        return tuple(one for one in self.findings if one.status == "present")


def schema() -> dict[str, Any]:
    """The JSON schema of a reading."""
    return Reading.model_json_schema(mode="serialization")
