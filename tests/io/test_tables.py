from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radvlm.errors import OutputError, TableError
from radvlm.io.tables import read_examples, read_studies, write_examples, write_studies
from radvlm.io.turns import MARKER, escape, turns_from_plain, turns_to_plain, unescape
from radvlm.records import (
    Access,
    Answer,
    Box,
    Dialogue,
    Example,
    Finding,
    Projection,
    Region,
    Role,
    Split,
    Status,
    Study,
    Turn,
    View,
)

HEART = Box(0.4, 0.45, 0.8, 0.9)
LUNG = Box(0.1, 0.05, 1 / 3, 0.8)

texts = st.text(max_size=8) | st.lists(
    st.sampled_from(["<bbox>", "<\\bbox>", "\\", "<", "<bb", "ox>", "bbox>", "a"]), max_size=5
).map("".join)
corners = st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True).map(sorted)
boxes = st.builds(lambda x, y: Box(x[0], y[0], x[1], y[1]), corners, corners)
numbers = st.none() | st.floats(allow_nan=False)
maybe = st.none() | texts
statuses = st.sampled_from(get_args(Status))


def tuples(element: st.SearchStrategy[object], most: int = 3) -> st.SearchStrategy[object]:
    return st.lists(element, max_size=most).map(tuple)


answers = st.builds(
    Answer,
    text=texts,
    labels=st.dictionaries(texts, statuses, max_size=3),
    boxes=tuples(st.tuples(texts, boxes, numbers)),
    readable=st.booleans(),
    mended=st.booleans(),
)
turns = st.builds(
    Turn,
    role=st.sampled_from(get_args(Role)),
    parts=tuples(texts | tuples(boxes), 5),
    target=st.none() | answers,
)
sizes = st.none() | st.integers(0, 2**40)
shown = st.builds(
    View,
    id=texts,
    path=texts,
    projection=st.sampled_from(get_args(Projection)),
    width=sizes,
    height=sizes,
)
views = st.lists(shown, max_size=2, unique_by=lambda view: view.id).map(tuple)
examples = st.builds(
    Example,
    id=texts,
    task=texts,
    source=texts,
    family=texts,
    patient=maybe,
    split=st.sampled_from(get_args(Split)),
    access=st.sampled_from(get_args(Access)),
    views=views,
    turns=tuples(turns),
)


@st.composite
def studies(draw: st.DrawFn) -> Study:
    own = draw(views)
    named = st.sampled_from([view.id for view in own]) if own else st.nothing()
    finding = st.builds(
        Finding, texts, st.just("present"), texts, named, tuples(boxes), maybe, numbers
    ) | st.builds(Finding, texts, statuses, texts, st.none() | named, st.just(()), maybe, numbers)
    return Study(
        family=draw(texts),
        sources=tuple(draw(st.lists(texts, max_size=2))),
        id=draw(texts),
        patient=draw(maybe),
        split=draw(st.none() | st.sampled_from(get_args(Split))),
        access=draw(st.sampled_from(get_args(Access))),
        views=own,
        texts=draw(st.dictionaries(texts, texts, max_size=2)),
        findings=tuple(draw(st.lists(finding, max_size=2))),
        regions=tuple(draw(st.lists(st.builds(Region, texts, named, boxes), max_size=2)))
        if own
        else (),
        dialogues=tuple(
            draw(
                st.lists(
                    st.builds(Dialogue, tuples(turns, 2), texts, st.none() | named), max_size=2
                )
            )
        ),
        sex=draw(maybe),
        age=draw(numbers),
        prior=draw(maybe),
    )


def example(*parts: str | tuple[Box, ...], id: str = "1") -> Example:
    view = View("v", "v.png", "PA", 10, 20)
    return Example(id, "t", "s", "f", None, "train", "open", (view,), (Turn("assistant", parts),))


@given(st.lists(examples, max_size=3))
@settings(max_examples=50)
def test_examples_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, found: list[Example]
) -> None:
    path = tmp_path_factory.getbasetemp() / "examples.parquet"
    assert write_examples(path, found) == len(found)
    assert list(read_examples(path)) == found


@given(st.lists(studies(), max_size=2))
@settings(max_examples=40)
def test_studies_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, found: list[Study]
) -> None:
    path = tmp_path_factory.getbasetemp() / "studies.parquet"
    assert write_studies(path, found) == len(found)
    assert list(read_studies(path)) == found


@given(texts)
def test_escaped_text_holds_no_marker_and_comes_back(text: str) -> None:
    assert MARKER not in escape(text)
    assert unescape(escape(text)) == text


@given(tuples(turns))
def test_there_is_one_marker_a_box_part(made: tuple[Turn, ...]) -> None:
    plain = turns_to_plain(made)
    groups = [part for turn in made for part in turn.parts if not isinstance(part, str)]
    assert sum(m["content"].count(MARKER) for m in plain["messages"]) == len(groups)
    assert [tuple(b) for b in plain["objects"]["bbox"]] == [
        (b.x1, b.y1, b.x2, b.y2) for group in groups for b in group
    ]


def test_what_lies_on_disk_is_what_others_expect(tmp_path: Path) -> None:
    write_examples(tmp_path / "e.parquet", [example("heart ", (HEART,), ", lungs ", (LUNG, HEART))])
    row = pq.read_table(tmp_path / "e.parquet").to_pylist()[0]
    assert row["messages"][0]["content"] == "heart <bbox>, lungs <bbox>"
    assert row["objects"]["bbox"] == [
        [0.4, 0.45, 0.8, 0.9],
        [0.1, 0.05, 1 / 3, 0.8],
        [0.4, 0.45, 0.8, 0.9],
    ]
    assert row["objects"]["marker"] == [0, 1, 1]
    assert "0.4" not in json.dumps(row["messages"])


def test_many_row_groups_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    assert write_examples(path, (example("a", id=str(n)) for n in range(5000))) == 5000
    assert pq.ParquetFile(path).num_row_groups == 2
    assert [e.id for e in read_examples(path)] == [str(n) for n in range(5000)]


def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_examples(tmp_path / name, [example("x", (HEART,))])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failure_while_writing_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    write_examples(path, [example("kept")])

    def broken() -> list[Example]:
        raise OutputError("stop")

    with pytest.raises(OutputError):
        write_examples(path, (e for _ in range(1) for e in broken()))
    with pytest.raises(TableError, match="records 1 to 1: a value cannot be stored"):
        write_examples(path, [example("\ud800")])
    assert [e.turns[0].parts for e in read_examples(path)] == [("kept",)]
    assert [p.name for p in tmp_path.iterdir()] == ["e.parquet"]


def test_newer_foreign_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    write_examples(path, [example("text" * 500, (HEART,))])
    table = pq.read_table(path)
    pq.write_table(
        table.replace_schema_metadata({"schema_version": "99", "kind": "examples"}),
        tmp_path / "newer",
    )
    pq.write_table(pa.table({"a": [1]}), tmp_path / "foreign")
    shutil.copy(path, tmp_path / "flipped")
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    (tmp_path / "flipped").write_bytes(data)
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-20])
    for name, why in {
        "newer": "newer",
        "foreign": "not a table of examples",
        "flipped": "damaged",
        "cut": "damaged",
        "missing": "does not exist",
    }.items():
        with pytest.raises(TableError, match=why):
            list(read_examples(tmp_path / name))
    with pytest.raises(TableError, match="not a table of studies"):
        read_studies(path)


def test_boxes_and_markers_have_to_agree() -> None:
    plain = turns_to_plain([Turn("user", ("at ", (HEART,)))])
    plain["objects"]["marker"] = [1]
    with pytest.raises(TableError, match="no marker"):
        turns_from_plain(plain)
    plain["objects"]["marker"] = [0]
    plain["messages"][0]["content"] = "at"
    with pytest.raises(TableError):
        turns_from_plain(plain)
