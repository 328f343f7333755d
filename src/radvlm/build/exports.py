"""A built data set in the formats of other trainers: LLaVA, ms-swift, verl.

In: a folder ``radvlm build`` wrote. Out: a folder with one file a split and ``EXPORT.json`` (form,
codec, access, rows, hashes, and the hash of the manifest it was made from), whole or not at all.
Files of data that is not open are readable by their owner alone. Images are referred to by path.

- ``llava`` (``.json``): LLaVA's list of ``{"id", "image", "conversations"}``; boxes are text.
- ``ms_swift`` (``.jsonl``): ms-swift's messages with its grounding format, so that it writes boxes
  as each model wants them: ``<bbox>`` a box, and ``objects`` with ``bbox_type`` ``norm1``.
- ``verl`` (``.parquet``): verl's five columns and ``images``, a row for each reply: what was said
  before it is the prompt, itself the ground truth. ``extra_info.target`` holds the ``Answer`` it is
  scored against as JSON, for a reward function. ``data_source`` is ``radvlm/TASK``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from radvlm import __version__
from radvlm.build.recipe import SPLITS
from radvlm.codecs import Radvlm01
from radvlm.errors import TableError
from radvlm.io.dataset import MANIFEST, examples_of
from radvlm.io.egress import strictest
from radvlm.io.files import atomic_folder, atomic_path, read_json, sha256_of, write_json
from radvlm.io.image import image_size
from radvlm.io.turns import corners
from radvlm.protocols import BoxCodec
from radvlm.records import Access, Answer, Box, Example, Split, Turn, View
from radvlm.tasks.wording import listed

Form = Literal["llava", "ms_swift", "verl"]
Plain = dict[str, Any]

EXPORT = "EXPORT.json"
NOTICE = "Research use only; not a medical device and not for diagnosis."

_ENDINGS: dict[Form, str] = {"llava": ".json", "ms_swift": ".jsonl", "verl": ".parquet"}
_IMAGE, _BOX = "<image>", "<bbox>"
_LLAVA = {"system": "system", "user": "human", "assistant": "gpt"}
_MARKUP = re.compile(r"<(?=(?:image|video|audio|bbox|ref-object)>|\|)")
_ROW_GROUP = 4096

_TEXT = pa.string()
_VERL = pa.schema(
    {
        "data_source": _TEXT,
        "prompt": pa.list_(pa.struct({"role": _TEXT, "content": _TEXT})),
        "images": pa.list_(pa.struct({"image": _TEXT})),
        "ability": _TEXT,
        "reward_model": pa.struct({"style": _TEXT, "ground_truth": _TEXT}),
        "extra_info": pa.struct(
            {
                "split": _TEXT,
                "index": pa.int64(),
                "id": _TEXT,
                "turn": pa.int64(),
                "source": _TEXT,
                "access": _TEXT,
                "target": _TEXT,
            }
        ),
    }
)


def export(
    data: Path, out: Path, form: Form, codec: BoxCodec, splits: Sequence[Split] = SPLITS
) -> dict[str, int]:
    """Write the splits of ``data`` into ``out``; returns the rows written of each split.

    An earlier export in ``out`` is replaced. ``codec`` writes the boxes of ``llava`` and ``verl``.

    Raises:
        InputError: ``data`` is no built data set, is damaged or not what its manifest says, or an
            image has no file.
        OutputError: ``out`` cannot be written, or holds other files.
    """
    manifest = data / MANIFEST
    access = strictest([read_json(manifest).get("access", "private")])
    private = access != "open"
    counts: dict[str, int] = {}
    files = {}
    with atomic_folder(out, replace=True) as aside:
        for split in splits:
            name = f"{split}{_ENDINGS[form]}"
            examples = (_checked(example, access) for example in examples_of(data, split))
            with atomic_path(aside / name, private=private) as path:
                counts[split] = _WRITERS[form](path, examples, codec)
            files[name] = sha256_of(aside / name)
        about = {
            "schema_version": 1,
            "notice": NOTICE,
            "radvlm": __version__,
            "form": form,
            "codec": None if form == "ms_swift" else codec.name,
            "access": access,
            "rows": counts,
            "files": files,
            "manifest_sha256": sha256_of(manifest),
        }
        write_json(aside / EXPORT, about, private=private)
    return counts


def llava(example: Example, codec: BoxCodec) -> Plain:
    """An item of LLaVA's list; several images are a list of paths."""
    said = _messages(example, lambda boxes: codec.render(boxes, _size(example.views[0], codec)))
    paths = [view.path for view in example.views]
    return {
        "id": example.id,
        "image": paths[0] if len(paths) == 1 else paths,
        "conversations": [{"from": _LLAVA[m["role"]], "value": m["content"]} for m in said],
    }


def ms_swift(example: Example) -> Plain:
    """A line of ms-swift's standard format, boxes as fractions of the image."""
    boxes = [
        corners(box)
        for turn in example.turns
        for part in turn.parts
        if not isinstance(part, str)
        for box in part
    ]
    return {
        "messages": _messages(example, lambda part: listed([_BOX] * len(part)), after=""),
        "images": [view.path for view in example.views],
        "objects": {"ref": [], "bbox": boxes, "bbox_type": "norm1"},
    }


def verl(example: Example, codec: BoxCodec) -> Iterator[Plain]:
    """A row of verl's format for each reply of the example; ``index`` is set by the writer."""
    size = _size(example.views[0], codec)
    said = _messages(example, lambda boxes: codec.render(boxes, size), after="")
    replies = (n for n, turn in enumerate(example.turns) if turn.role == "assistant")
    for number, place in enumerate(replies):
        target = example.turns[place].target
        yield {
            "data_source": f"radvlm/{example.task}",
            "prompt": said[:place],
            "images": [{"image": view.path} for view in example.views],
            "ability": example.task,
            "reward_model": {"style": "rule", "ground_truth": said[place]["content"]},
            "extra_info": {
                "split": example.split,
                "id": example.id,
                "turn": number,
                "source": example.source,
                "access": example.access,
                "target": _target(target),
            },
        }


def _target(target: Answer | None) -> str:
    """A target as JSON; probabilities, which only a model's answer has, are left out."""
    if target is None:
        return "null"
    plain = asdict(target)
    del plain["probabilities"]
    return orjson.dumps(plain).decode()


def _messages(
    example: Example, written: Callable[[tuple[Box, ...]], str], after: str = "\n"
) -> list[dict[str, str]]:
    """Role and content of each turn; the images stand in front of the first question."""
    first = next((n for n, turn in enumerate(example.turns) if turn.role == "user"), None)
    if first is None:
        raise TableError("asks nothing", f"example {example.id}", "Build the data set anew")
    images = _IMAGE * len(example.views) + after
    return [
        {"role": turn.role, "content": (images if n == first else "") + _content(turn, written)}
        for n, turn in enumerate(example.turns)
    ]


def _content(turn: Turn, written: Callable[[tuple[Box, ...]], str]) -> str:
    """The text of a turn; what would be markup for a trainer is broken by a backslash."""
    return "".join(
        _MARKUP.sub(r"<\\", part) if isinstance(part, str) else written(part) for part in turn.parts
    )


def _size(view: View, codec: BoxCodec) -> tuple[int, int]:
    """Width and height of a view; the image is only looked at for a codec that needs them."""
    if view.width and view.height:
        return view.width, view.height
    return (1, 1) if isinstance(codec, Radvlm01) else image_size(Path(view.path))


def _checked(example: Example, access: Access) -> Example:
    where = f"example {example.id}"
    if strictest([access, example.access]) != access:
        why = f"is {example.access}, but the manifest says {access}"
        raise TableError(why, where, "Build the data set anew")
    if not all(view.path for view in example.views):
        raise TableError("has no image file", where, "Build with a source that has the images")
    return example


def _write_llava(path: Path, examples: Iterable[Example], codec: BoxCodec) -> int:
    count = 0
    with path.open("wb") as file:
        file.write(b"[")
        for example in examples:
            count += 1
            file.write((b",\n" if count > 1 else b"\n") + orjson.dumps(llava(example, codec)))
        file.write(b"\n]\n")
    return count


def _write_ms_swift(path: Path, examples: Iterable[Example], codec: BoxCodec) -> int:
    count = 0
    with path.open("wb") as file:
        for example in examples:
            count += 1
            file.write(orjson.dumps(ms_swift(example), option=orjson.OPT_APPEND_NEWLINE))
    return count


def _write_verl(path: Path, examples: Iterable[Example], codec: BoxCodec) -> int:
    count = 0
    rows = (row for example in examples for row in verl(example, codec))
    with pq.ParquetWriter(path, _VERL, compression="zstd") as writer:
        while group := list(islice(rows, _ROW_GROUP)):
            for row in group:
                row["extra_info"]["index"] = count
                count += 1
            writer.write_table(pa.Table.from_pylist(group, schema=_VERL))
    return count


_WRITERS: dict[Form, Callable[[Path, Iterable[Example], BoxCodec], int]] = {
    "llava": _write_llava,
    "ms_swift": _write_ms_swift,
    "verl": _write_verl,
}
