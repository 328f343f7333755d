"""What the grounding tasks share: one thing is asked for, boxes or a denial answer."""

from __future__ import annotations

from collections.abc import Sequence

from radvlm.records import Answer, Box, Part, Status
from radvlm.tasks.asking import named
from radvlm.tasks.labels import says_no
from radvlm.tasks.wording import Phrasing, plain

METRICS = ("ap50_by_name", "box_f1_50", "mean_iou")

REPLY = Phrasing(
    "The {} {is} at {boxes}.",
    "The {} {is} here: {boxes}.",
    "You can see the {} at {boxes}.",
    "Here {is} the {}: {boxes}.",
)


def target_of(name: str, reply: Sequence[Part], boxes: Sequence[Box]) -> Answer:
    """The target of a reply that points at ``name``, or denies it where there are no boxes."""
    status: Status = "present" if boxes else "absent"
    return Answer(plain(reply), {name: status}, named(name, boxes))


def read_boxes(parts: Sequence[Part], name: str) -> Answer:
    """Every box is of ``name``; without one a denial is an answer, anything else unreadable."""
    boxes = [box for part in parts if not isinstance(part, str) for box in part]
    if boxes or says_no(plain(parts)):
        return target_of(name, parts, boxes)
    return Answer(plain(parts), readable=False)
