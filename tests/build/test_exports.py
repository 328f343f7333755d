from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from radvlm.build.exports import Form, export
from radvlm.codecs import get_codec
from radvlm.errors import InputError, TableError
from radvlm.io.tables import write_examples
from radvlm.records import Access, Answer, Box, Example, Part, Turn, View
from radvlm.sources.llava_json import LlavaJson

HEART, LUNG = Box(0.1, 0.2, 0.5, 0.6), Box(0.25, 0.3, 0.4, 0.45)
CODEC = get_codec("radvlm_01")
FORMS: tuple[Form, ...] = ("llava", "ms_swift", "verl")
HEART_AND_LUNG = "The heart is at [0.10, 0.20, 0.50, 0.60] and [0.25, 0.30, 0.40, 0.45]."
TARGET = Answer("The heart", {"Edema": "absent"}, (("heart", HEART, None),))
ASKED: tuple[Turn, ...] = (
    Turn("user", ("Where is the heart?",)),
    Turn("assistant", ("The heart is at ", (HEART, LUNG), "."), TARGET),
    Turn("user", ("What is at ", (HEART,), "?")),
    Turn("assistant", ("It is the heart.",)),
)


def example(id: str = "e1", turns: tuple[Turn, ...] = ASKED, **more: Any) -> Example:
    view = View("v", "/data/v.png", "PA", 100, 200)
    made = Example(id, "report", "src", "fam", "p", "train", "open", (view,), turns)
    return replace(made, **more)


def data_set(
    folder: Path, *shards: Sequence[Example], access: str = "open", split: str = "train"
) -> Path:
    """A built data set of some shards of one split."""
    files = {}
    for number, examples in enumerate(shards):
        name = f"examples-{split}-{number:05d}-of-{len(shards):05d}.parquet"
        write_examples(folder / name, examples)
        files[name] = ""
    (folder / "manifest.json").write_text(json.dumps({"access": access, "files": files}))
    return folder


def exported(tmp_path: Path, form: Form, *examples: Example) -> list[dict[str, Any]]:
    """The rows of the train split after an export."""
    out = tmp_path / "out"
    counts = export(data_set(tmp_path / "data", examples), out, form, CODEC, ["train"])
    assert counts == {"train": len(rows(out))}
    return rows(out)


def rows(out: Path) -> list[dict[str, Any]]:
    (path,) = out.glob("train.*")
    if path.suffix == ".parquet":
        table: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return table
    text = path.read_text()
    return list(json.loads(text)) if path.suffix == ".json" else list(map(json.loads, open(path)))


def test_llava_is_written_as_by_hand(tmp_path: Path) -> None:
    (item,) = exported(tmp_path, "llava", example())
    assert item == {
        "id": "e1",
        "image": "/data/v.png",
        "conversations": [
            {"from": "human", "value": "<image>\nWhere is the heart?"},
            {
                "from": "gpt",
                "value": HEART_AND_LUNG,
            },
            {"from": "human", "value": "What is at [0.10, 0.20, 0.50, 0.60]?"},
            {"from": "gpt", "value": "It is the heart."},
        ],
    }


def test_ms_swift_is_its_documented_grounding_format(tmp_path: Path) -> None:
    (line,) = exported(tmp_path, "ms_swift", example())
    assert line == {
        "messages": [
            {"role": "user", "content": "<image>Where is the heart?"},
            {"role": "assistant", "content": "The heart is at <bbox> and <bbox>."},
            {"role": "user", "content": "What is at <bbox>?"},
            {"role": "assistant", "content": "It is the heart."},
        ],
        "images": ["/data/v.png"],
        "objects": {
            "ref": [],
            "bbox": [[0.1, 0.2, 0.5, 0.6], [0.25, 0.3, 0.4, 0.45], [0.1, 0.2, 0.5, 0.6]],
            "bbox_type": "norm1",
        },
    }


def test_verl_has_a_row_for_each_reply(tmp_path: Path) -> None:
    first, second = exported(tmp_path, "verl", example())
    assert first["extra_info"].pop("target") == json.dumps(
        {
            "text": "The heart",
            "labels": {"Edema": "absent"},
            "boxes": [["heart", {"x1": 0.1, "y1": 0.2, "x2": 0.5, "y2": 0.6}, None]],
            "readable": True,
            "mended": False,
        },
        separators=(",", ":"),
    )
    assert first == {
        "data_source": "radvlm/report",
        "prompt": [{"role": "user", "content": "<image>Where is the heart?"}],
        "images": [{"image": "/data/v.png"}],
        "ability": "report",
        "reward_model": {
            "style": "rule",
            "ground_truth": HEART_AND_LUNG,
        },
        "extra_info": {
            "split": "train",
            "index": 0,
            "id": "e1",
            "turn": 0,
            "source": "src",
            "access": "open",
        },
    }
    assert [m["role"] for m in second["prompt"]] == ["user", "assistant", "user"]
    assert second["prompt"][1]["content"] == first["reward_model"]["ground_truth"]
    assert second["reward_model"]["ground_truth"] == "It is the heart."
    assert (second["extra_info"]["index"], second["extra_info"]["turn"]) == (1, 1)


@pytest.mark.parametrize("form", FORMS)
def test_every_image_and_box_has_its_placeholder(tmp_path: Path, form: Form) -> None:
    views = (View("v", "/v.png", "PA"), View("w", "/w.png", "LATERAL"))
    system = Turn("system", ("Be brief.",))
    row = exported(tmp_path, form, example(views=views, turns=(system, *ASKED)))[0]
    if form == "llava":
        assert row["image"] == ["/v.png", "/w.png"] and row["conversations"][0]["from"] == "system"
    else:
        assert len(row["images"]) == 2
    text = json.dumps(row)
    assert text.count("<image>") == 2
    assert text.count("<bbox>") == (3 if form == "ms_swift" else 0)


@pytest.mark.parametrize("form", FORMS)
def test_markup_in_a_text_is_no_markup(tmp_path: Path, form: Form) -> None:
    said = "Ignore <image> and <bbox> and <|im_end|>; a < b > c, <ref-object>."
    turns = (Turn("user", (said,)), Turn("assistant", ("Yes.",)))
    text = json.dumps(exported(tmp_path, form, example(turns=turns))[0]).replace("\\\\", "\\")
    assert text.count("<image>") == 1 and "a < b > c" in text
    assert not any(markup in text for markup in ("<bbox>", "<|", "<ref-object>"))
    assert "<\\image>" in text and "<\\|im_end|>" in text


@pytest.mark.parametrize("form", FORMS)
def test_shards_are_read_in_order_and_splits_are_files(tmp_path: Path, form: Form) -> None:
    turns = ASKED[:2]
    shards = [[example(f"{shard}{n}", turns) for n in range(3)] for shard in "ab"]
    data = data_set(tmp_path / "data", *shards)
    counts = export(data, tmp_path / "out", form, CODEC)
    assert counts == {"train": 6, "validate": 0, "test": 0}
    made = rows(tmp_path / "out")
    found = [r["extra_info"]["id"] if form == "verl" else r.get("id") for r in made]
    assert found == ([None] * 6 if form == "ms_swift" else ["a0", "a1", "a2", "b0", "b1", "b2"])
    stems = {path.stem for path in (tmp_path / "out").iterdir()}
    assert stems == {"train", "validate", "test", "EXPORT"}
    if form == "llava":
        assert json.loads((tmp_path / "out" / "test.json").read_text()) == []


@pytest.mark.parametrize("access", ["open", "credentialed", "private"])
@pytest.mark.parametrize("form", FORMS)
def test_access_is_inherited(tmp_path: Path, form: Form, access: Access) -> None:
    data = data_set(tmp_path / "data", [example(access=access)], access=access)
    out = tmp_path / "out"
    export(data, out, form, CODEC, ["train"])
    about = json.loads((out / "EXPORT.json").read_text())
    assert (about["access"], about["form"]) == (access, form)
    assert about["codec"] == (None if form == "ms_swift" else "radvlm_01")
    manifest = (data / "manifest.json").read_bytes()
    assert about["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    ((name, digest),) = about["files"].items()
    assert digest == hashlib.sha256((out / name).read_bytes()).hexdigest()
    usual = data.joinpath("manifest.json").stat().st_mode & 0o777
    for path in out.iterdir():
        assert path.stat().st_mode & 0o777 == (usual if access == "open" else 0o600)


def test_a_manifest_that_says_nothing_of_access_means_private(tmp_path: Path) -> None:
    data = data_set(tmp_path / "data", [example()], access="")
    export(data, tmp_path / "out", "llava", CODEC, ["train"])
    assert json.loads((tmp_path / "out" / "EXPORT.json").read_text())["access"] == "private"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (example(access="private"), "private, but the manifest says open"),
        (example(views=(View("v", ""),)), "no image file"),
        (example(turns=ASKED[1:2]), "asks nothing"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_exported_stops_it_and_the_earlier_export_stays(
    tmp_path: Path, form: Form, bad: Example, why: str
) -> None:
    good = data_set(tmp_path / "good", [example()])
    export(good, tmp_path / "out", form, CODEC, ["train"])
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    worse = data_set(tmp_path / "bad", [example(), bad])
    with pytest.raises(TableError, match=why):
        export(worse, tmp_path / "out", form, CODEC, ["train"])
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"good", "bad", "out"}


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.json"):
        export(tmp_path, tmp_path / "out", "llava", CODEC)


class Pixels:
    name = "pixels"

    def render(self, boxes: Sequence[Box], size: tuple[int, int]) -> str:
        return " ".join(f"({b.x1 * size[0]:.0f},{b.y2 * size[1]:.0f})" for b in boxes)

    def spans(self, text: str, size: tuple[int, int]) -> list[tuple[int, int]]:
        return []

    def parse(self, text: str, size: tuple[int, int]) -> tuple[tuple[Part, ...], bool]:
        raise NotImplementedError


def test_a_codec_in_pixels_gets_the_size_of_the_image(tmp_path: Path) -> None:
    Image.new("L", (300, 400)).save(tmp_path / "v.png")
    turns = (Turn("user", ("Where?",)), Turn("assistant", ((HEART,),)))
    unknown = example("u", turns, views=(View("v", str(tmp_path / "v.png")),))
    data = data_set(tmp_path / "data", [example("k", turns), unknown])
    export(data, tmp_path / "out", "llava", Pixels(), ["train"])
    said = [row["conversations"][1]["value"] for row in rows(tmp_path / "out")]
    # 0.1 and 0.6 of 100 x 200 and of 300 x 400.
    assert said == ["(10,120)", "(30,240)"]


def test_llava_comes_back_through_its_reader(tmp_path: Path) -> None:
    image = tmp_path / "images/files/p10/p10000001/s50000011/aa.jpg"
    image.parent.mkdir(parents=True)
    Image.new("L", (8, 8)).save(image)
    view = View("aa", str(image), "FRONTAL")
    plain = (Turn("user", ("Is it normal?",)), Turn("assistant", ("Yes.\nQuite.",)))
    examples = [example("1", views=(view,)), example("2", plain, views=(view,))]
    export(data_set(tmp_path / "data", examples), tmp_path / "out", "llava", CODEC, ["train"])
    source = LlavaJson(tmp_path / "images", tmp_path / "out" / "train.json", access="open")
    (study,) = source.studies()
    assert not source.quarantine and study.views == (view,)
    wanted = [tuple(replace(turn, target=None) for turn in e.turns) for e in examples]
    assert [dialogue.turns for dialogue in study.dialogues] == wanted
