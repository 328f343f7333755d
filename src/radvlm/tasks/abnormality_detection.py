"""All abnormalities of an image with their boxes in one reply (RadVLM §3.1.3)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence

from radvlm.records import Answer, Box, Example, Part, Status, Study
from radvlm.tasks.asking import (
    boxes_of,
    example,
    exchange,
    frontal_views,
    known,
    named,
    wholly_negative,
)
from radvlm.tasks.labels import read_labels, says_nothing_abnormal
from radvlm.tasks.lexicon import GENERAL, WORDS, canonical, mentions, spoken
from radvlm.tasks.wording import Phrasing, plain
from radvlm.vocabulary import DEVICES, NO_FINDING, SUPPORT_DEVICES

QUESTION = Phrasing(
    "Find and locate all abnormalities.",
    "Show every abnormality with its place.",
    "Which abnormalities are there, and where?",
    "Mark all abnormal findings on this image.",
    "Locate everything that is abnormal.",
)
OPENING = ("", "Abnormal: ", "Findings: ", "Seen here: ")
NEGATIVE = Phrasing(
    "No abnormality is visible.",
    "There is no abnormality.",
    "I see no abnormality on this image.",
    "The image is normal.",
)
_OPENED = r"i see |there (?:is|are) |the image shows |abnormal: |findings: |seen here: "
_LEAD = re.compile(rf"^[\s,;.:]*(?:and\s+)?(?:{_OPENED})?(?:(?:a|an|the)\s+)?", re.I)
_TAIL = re.compile(r"\s*(?:(?:is|are|seen|located|visible)\s+)*(?:at|in|here)?\s*:?\s*$", re.I)


class AbnormalityDetection:
    """One example a view that has boxes, or of which it is known that nothing is there.

    With ``unboxed``, a view without any box counts as one where nothing is there, as in the paper,
    where every image of VinDr-CXR is asked about.
    """

    name = "abnormality_detection"
    metrics: tuple[str, ...] = ("box_f1_50", "ap50_by_name")

    def __init__(self, unboxed: bool = False) -> None:
        self.unboxed = unboxed

    def ask(self, study: Study, rng: random.Random) -> Iterator[Example]:
        """At most one example a frontal view."""
        for view in frontal_views(study):
            found = _abnormal(boxes_of(study, view))
            if found:
                reply, target = _positive(found, rng)
            elif self.unboxed or wholly_negative(known(study, view)):
                reply = NEGATIVE.parts(rng)
                target = Answer(plain(reply), {NO_FINDING: "present"})
            else:
                continue
            yield example(self.name, study, view, exchange(QUESTION.say(rng), reply, target))

    def read(self, parts: Sequence[Part], question: Sequence[Part]) -> Answer:
        """Each box is of the finding named last before it.

        No box at all is an answer only if the reply says what is there, or that nothing is.
        """
        boxes: list[tuple[str, Box, float | None]] = []
        name = ""
        for part in parts:
            if isinstance(part, str):
                name = name_before_boxes(part) or name
            else:
                boxes += named(name, part)
        text = plain(parts)
        if boxes:
            return Answer(text, {name: "present" for name, _, _ in boxes if name}, tuple(boxes))
        labels = read_labels(text, tuple(WORDS))
        if says_nothing_abnormal(text):
            labels[NO_FINDING] = "present"
        return Answer(text, labels, readable=bool(labels))


def name_before_boxes(text: str) -> str:
    """The finding that a piece of text before boxes names; a free name verbatim, else empty."""
    if found := mentions(text):
        return found[-1].name
    return canonical(_TAIL.sub("", _LEAD.sub("", text)).strip())


def _abnormal(found: Mapping[str, tuple[Box, ...]]) -> dict[str, tuple[Box, ...]]:
    """Without devices, and without a class that has no box beyond those of its kinds."""
    found = {n: b for n, b in found.items() if n not in (SUPPORT_DEVICES, *DEVICES)}
    specific = {box for name, boxes in found.items() if name not in GENERAL for box in boxes}
    return {
        name: boxes for name, boxes in found.items() if name not in GENERAL or set(boxes) - specific
    }


def _positive(
    found: Mapping[str, Sequence[Box]], rng: random.Random
) -> tuple[tuple[Part, ...], Answer]:
    parts: list[Part] = []
    boxes: list[tuple[str, Box, float | None]] = []
    before = rng.choice(OPENING)
    for name, own in found.items():
        text = f"{before}{spoken(name)} at "
        parts += [text if parts else text[0].upper() + text[1:], tuple(own)]
        boxes += named(name_before_boxes(text), own)
        before = "; "
    labels: dict[str, Status] = {name: "present" for name, _, _ in boxes}
    reply = (*parts, ".")
    return reply, Answer(plain(reply), labels, tuple(boxes))
