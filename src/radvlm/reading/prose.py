"""A reading for people: text for a terminal, and the radiograph with its boxes."""

from __future__ import annotations

from pathlib import Path

from radvlm.errors import InputError
from radvlm.io.draw import PALETTE, draw_boxes
from radvlm.io.files import atomic_path
from radvlm.io.image import read_image
from radvlm.reading.record import FoundFinding, Reading
from radvlm.records import Box

LEGIBLE = 512
"""Pixels of a picture's longer side that labels need."""


def reading_as_text(reading: Reading) -> str:
    """Scope and notice, report, findings with side, confidence and boxes, what disagrees."""
    lines = [reading.scope, reading.notice, ""]
    if reading.refusal:
        lines += [f"not read: {reading.refusal}" if not reading.forced else
                  f"read although {reading.refusal}", ""]  # fmt: skip
    if not reading.accepted:
        return "\n".join([*lines, "With --force it is read all the same, and marked."])
    lines += [f"report: {reading.report}", ""]
    lines += [_line(one) for one in reading.present] or ["no abnormality listed"]
    unsure = [one.name for one in reading.findings if one.status == "uncertain"]
    if unsure:
        lines.append(f"uncertain: {', '.join(unsure)}")
    lines += [f"contradiction: {text}" for text in reading.contradictions]
    return "\n".join(lines)


def draw_reading(reading: Reading, image: Path, target: Path) -> None:
    """Write a PNG of the radiograph with the boxes of the findings.

    Raises:
        InputError: ``target`` does not end in ``.png``.
        OutputError: it cannot be written.
    """
    if target.suffix.lower() != ".png":
        raise InputError("pictures are written as PNG", target, "Choose a name ending in .png")
    boxes = [
        (finding.name, box, PALETTE[k % len(PALETTE)])
        for k, finding in enumerate(reading.present)
        for box in finding.boxes
    ]
    with atomic_path(target) as aside:
        draw_boxes(read_image(image), boxes, min_side=LEGIBLE).save(aside, format="PNG")


def _line(finding: FoundFinding) -> str:
    places = ", ".join(
        _place(box, sure) for box, sure in zip(finding.boxes, finding.box_confidences, strict=True)
    )
    sure = "" if finding.confidence is None else f"  confidence {finding.confidence:.2f}"
    side = f" ({finding.side})" if finding.side else ""
    return f"{finding.name}{side}{sure}  {places or 'no box'}"


def _place(box: Box, sure: float | None) -> str:
    written = f"[{box.x1:.2f}, {box.y1:.2f}, {box.x2:.2f}, {box.y2:.2f}]"
    return written if sure is None else f"{written} {sure:.2f}"
