r"""Turns as they lie on disk: text with ``<bbox>`` markers, and the boxes beside it, in order.

A coordinate is never text. Each box part of a turn is one marker in ``content``; the boxes of all
turns are in ``objects.bbox``, and ``objects.marker`` says which marker (counted over all turns)
each belongs to. A marker in the source text itself is escaped by a backslash: ``<\bbox>``.
``parts`` holds the length in characters of each text part and -1 for each box part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from radvlm.errors import TableError
from radvlm.records import Answer, Box, Part, Turn

MARKER = "<bbox>"
_LOOKALIKE = re.compile(r"<(\\*)bbox>")
_BOX_PART = -1

_BBOX = pa.list_(pa.float64(), 4)
_TARGET = pa.struct(
    {
        "text": pa.string(),
        "labels": pa.map_(pa.string(), pa.string()),
        "boxes": pa.list_(
            pa.struct({"name": pa.string(), "bbox": _BBOX, "confidence": pa.float64()})
        ),
        "readable": pa.bool_(),
        "mended": pa.bool_(),
    }
)
MESSAGES = pa.list_(
    pa.struct(
        {
            "role": pa.string(),
            "content": pa.string(),
            "parts": pa.list_(pa.int32()),
            "target": _TARGET,
        }
    )
)
OBJECTS = pa.struct({"bbox": pa.list_(_BBOX), "marker": pa.list_(pa.int32())})
BBOX = _BBOX


def escape(text: str) -> str:
    """Text that holds no marker; ``unescape`` gives the original back."""
    return _LOOKALIKE.sub(r"<\1\\bbox>", text) if "bbox>" in text else text


def unescape(text: str) -> str:
    """The original of an escaped text."""
    return re.sub(r"<\\(\\*)bbox>", r"<\1bbox>", text) if "bbox>" in text else text


def turns_to_plain(turns: Sequence[Turn]) -> dict[str, Any]:
    """The columns ``messages`` and ``objects`` of some turns."""
    groups = [part for turn in turns for part in turn.parts if not isinstance(part, str)]
    return {
        "messages": [
            {
                "role": turn.role,
                "content": _content(turn.parts),
                "parts": [len(p) if isinstance(p, str) else _BOX_PART for p in turn.parts],
                "target": None if turn.target is None else _target_to_plain(turn.target),
            }
            for turn in turns
        ],
        "objects": {
            "bbox": [corners(box) for group in groups for box in group],
            "marker": [number for number, group in enumerate(groups) for _ in group],
        },
    }


def turns_from_plain(plain: Mapping[str, Any]) -> tuple[Turn, ...]:
    """The turns of the columns ``messages`` and ``objects``.

    Raises:
        TableError: markers, parts and boxes do not agree.
    """
    objects = plain["objects"]
    boxes: dict[int, list[Box]] = {}
    for number, bbox in zip(objects["marker"], objects["bbox"], strict=True):
        boxes.setdefault(number, []).append(Box(*bbox))
    markers = sum(m["content"].count(MARKER) for m in plain["messages"])
    if boxes and not 0 <= min(boxes) <= max(boxes) < markers:
        raise TableError("a box belongs to no marker")
    groups = (tuple(boxes.get(number, ())) for number in range(markers))
    return tuple(
        Turn(m["role"], _parts(m, groups), m["target"] and _target_from_plain(m["target"]))
        for m in plain["messages"]
    )


def corners(box: Box) -> tuple[float, float, float, float]:
    """The corners in the order of ``objects.bbox``."""
    return box.x1, box.y1, box.x2, box.y2


def _content(parts: Sequence[Part]) -> str:
    """Adjacent texts are escaped as one, lest two halves of a marker become one."""
    content = text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            content += escape(text) + MARKER
            text = ""
    return content + escape(text)


def _parts(message: Mapping[str, Any], groups: Iterator[tuple[Box, ...]]) -> tuple[Part, ...]:
    lengths: list[int] = message["parts"]
    if lengths == [len(message["content"])] and "bbox>" not in message["content"]:
        return (message["content"],)
    texts = message["content"].split(MARKER)
    text = "".join(map(unescape, texts))
    kept = sum(length for length in lengths if length != _BOX_PART)
    if lengths.count(_BOX_PART) != len(texts) - 1 or kept != len(text):
        raise TableError("text and parts of a message do not agree")
    parts: list[Part] = []
    at = 0
    for length in lengths:
        if length == _BOX_PART:
            parts.append(next(groups))
        else:
            parts.append(text[at : at + length])
            at += length
    return tuple(parts)


def _target_to_plain(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "labels": list(answer.labels.items()),
        "boxes": [
            {"name": name, "bbox": corners(box), "confidence": confidence}
            for name, box, confidence in answer.boxes
        ],
        "readable": answer.readable,
        "mended": answer.mended,
    }


def _target_from_plain(plain: Mapping[str, Any]) -> Answer:
    return Answer(
        text=plain["text"],
        labels=dict(plain["labels"]),
        boxes=tuple((b["name"], Box(*b["bbox"]), b["confidence"]) for b in plain["boxes"]),
        readable=plain["readable"],
        mended=plain["mended"],
    )
