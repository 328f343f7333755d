from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from radvlm.errors import RecipeError, TableError
from radvlm.io.tables import read_studies
from radvlm.protocols import Slice, Source, study_key
from radvlm.records import Box, Part, Study, Turn
from radvlm.sources.llava_json import LlavaJson
from radvlm.sources.phantom.cohort import PhantomConfig, make_cohort
from radvlm.sources.phantom.releases.llava_json import large, write
from radvlm.tasks.conversation import Conversation
from radvlm.tasks.grounded_conversation import GroundedConversation

Traps = dict[str, list[str]]
FILES = ("instructions.json", "instructions.jsonl")
MIMIC = "files/p10/p10999001/s50999001/aa-bb.jpg"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llava") / "cohort"
    make_cohort(PhantomConfig(patients=9, size=48, seed=3), folder)
    return folder


@pytest.fixture(scope="module")
def release(cohort: Path) -> tuple[Path, Traps]:
    root = cohort.parent / "release"
    (cohort.parent / "outside.jpg").write_bytes(b"outside")
    return root, write(cohort, root)


def names(study: Study) -> tuple[str, str | None, str, str]:
    """Family, patient, study and view id that the path of the frontal view tells."""
    patient, number = int(study.id[1:6]), int(study.id[7:])
    if patient % 3 == 0:
        return "mimic", f"1{patient:07d}", f"5{10 * patient + number:07d}", "-"
    if patient % 3 == 1:
        folder = f"train/patient{patient:05d}/study{number}"
        return "chexpert", f"patient{patient:05d}", folder, f"{folder}/view1_frontal"
    return "llava_json", None, f"others/{study.id}v1", f"others/{study.id}v1"


def boxes_of(turns: tuple[Turn, ...]) -> list[Box]:
    return [b for t in turns for p in t.parts if not isinstance(p, str) for b in p]


def close(a: Box, b: Box) -> bool:
    pairs = zip((a.x1, a.y1, a.x2, a.y2), (b.x1, b.y1, b.x2, b.y2), strict=True)
    return all(abs(x - y) <= 0.005001 for x, y in pairs)


def one(tmp_path: Path, items: list[dict[str, Any]], **options: Any) -> LlavaJson:
    """A source of some items about one image, which exists."""
    (tmp_path / MIMIC).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8)).save(tmp_path / MIMIC)
    (tmp_path / "items.json").write_text(json.dumps(items))
    return LlavaJson(tmp_path, "items.json", **options)


def item(*said: str, image: str = MIMIC, id: str = "1") -> dict[str, Any]:
    turns = [{"from": "gpt" if n % 2 else "human", "value": text} for n, text in enumerate(said)]
    return {"id": id, "image": image, "conversations": turns}


@pytest.mark.parametrize("file", FILES)
def test_the_cohort_comes_back(file: str, cohort: Path, release: tuple[Path, Traps]) -> None:
    source: Source = LlavaJson(release[0], file)
    found = {(study.family, study.id): study for study in source.studies()}
    originals = list(read_studies(cohort / "studies.parquet"))
    assert len(found) == len(originals)
    for original in originals:
        family, patient, number, view = names(original)
        study = found[family, number]
        assert (study.patient, study.split, study.access) == (patient, "train", "credentialed")
        (shown,) = study.views
        assert shown.projection == "FRONTAL" and Path(shown.path).is_file()
        assert shown.id == (Path(shown.path).stem if family == "mimic" else view)
        grounded, report = study.dialogues
        assert {d.origin for d in study.dialogues} == {"released"}
        assert report.turns == (
            Turn("user", ("Describe the image.",)),
            Turn("assistant", (original.texts["findings"],)),
        )
        first = original.regions[0]
        question, reply = grounded.turns[:2]
        assert question == Turn("user", (f"Where is the {first.name}?",))
        assert reply.parts[0] == f"The {first.name} is located at " and reply.parts[2] == "."
        wanted = [r.box for r in original.regions[:2]]
        wanted += [b for f in original.findings for b in large(f.boxes)]
        assert all(map(close, boxes_of(grounded.turns), wanted))
        assert len(boxes_of(grounded.turns)) == len(wanted)


@pytest.mark.parametrize("file", FILES)
def test_exactly_the_traps_are_quarantined(file: str, release: tuple[Path, Traps]) -> None:
    source = LlavaJson(release[0], file)
    list(source.studies())
    planted = dict(release[1])
    if file.endswith(".json"):
        del planted["broken_line"]
    wanted = Counter(name for trap in planted.values() for name in trap)
    assert Counter(q.where for q in source.quarantine) == wanted
    outside = [q.reason for q in source.quarantine if q.where in ("trap_escaping_image",)]
    assert "below" in outside[0]


def test_list_and_lines_are_the_same_and_in_order(release: tuple[Path, Traps]) -> None:
    a, b = (list(LlavaJson(release[0], file).studies()) for file in FILES)
    assert a == b
    assert [study_key(s) for s in a] == sorted(study_key(s) for s in a)


@pytest.mark.parametrize("file", FILES)
def test_slices_share_the_whole(file: str, release: tuple[Path, Traps]) -> None:
    source = LlavaJson(release[0], file)
    whole = list(source.studies())
    everything = Counter(q.where for q in source.quarantine)
    shared: list[Study] = []
    again: Counter[str] = Counter()
    for index in range(4):
        shared += source.studies(Slice(frozenset({index}), 4))
        again += Counter(q.where for q in source.quarantine)
    assert len(shared) == len(whole) and sorted(shared, key=study_key) == whole
    assert again == everything


def test_no_coordinate_is_text(release: tuple[Path, Traps]) -> None:
    parts: list[Part] = [
        part
        for study in LlavaJson(release[0], FILES[0]).studies()
        for dialogue in study.dialogues
        for turn in dialogue.turns
        for part in turn.parts
    ]
    texts = [part for part in parts if isinstance(part, str)]
    assert len(parts) > len(texts) > 0
    assert not [text for text in texts if re.search(r"\[|<image>", text)]


def test_dialogues_become_examples_as_they_are(release: tuple[Path, Traps]) -> None:
    for study in LlavaJson(release[0], FILES[0]).studies():
        grounded, report = study.dialogues
        for task, dialogue in ((GroundedConversation(), grounded), (Conversation(), report)):
            (example,) = task.ask(study, Random(0))
            assert example.turns == dialogue.turns and example.views == study.views


def test_the_root_may_be_a_link_and_paths_absolute(
    release: tuple[Path, Traps], tmp_path: Path
) -> None:
    root = tmp_path / "link"
    root.symlink_to(release[0])
    items = json.loads((release[0] / FILES[0]).read_text())
    for number, each in enumerate(items):
        if not each["id"].startswith("trap"):
            base = ("/cluster/images", str(root), str(release[0].resolve()))[number % 3]
            each["image"] = f"{base}/{each['image']}"
    (tmp_path / "absolute.json").write_text(json.dumps(items))
    source = LlavaJson(root, tmp_path / "absolute.json", prefix="/cluster/images/")
    assert list(source.studies()) == list(LlavaJson(release[0], FILES[0]).studies())


def test_a_read_only_release_is_read(release: tuple[Path, Traps], tmp_path: Path) -> None:
    root = shutil.copytree(release[0], tmp_path / "copy")
    folders = [root, *(p for p in root.rglob("*") if p.is_dir())]
    for path in folders:
        path.chmod(0o555)
    before = {p: p.stat().st_mtime_ns for p in folders}
    assert len(list(LlavaJson(root, FILES[1]).studies()))
    assert {p: p.stat().st_mtime_ns for p in folders} == before
    for path in folders:
        path.chmod(0o755)


def test_without_images_the_views_are_for_another_source_to_fill(tmp_path: Path) -> None:
    source = one(tmp_path, [item("Hello?", "Yes.")], images=False)
    os.remove(tmp_path / MIMIC)
    (study,) = source.studies()
    assert (study.family, study.patient, study.id) == ("mimic", "10999001", "50999001")
    (view,) = study.views
    assert (view.id, view.path, view.projection) == ("aa-bb", "", "UNKNOWN")


def test_two_images_of_one_study_are_two_views(tmp_path: Path) -> None:
    other = MIMIC.replace("aa-bb", "cc")
    source = one(tmp_path, [item("a", "b", image=other), item("c", "d"), item("e", "f", id="2")])
    Image.new("L", (8, 8)).save(tmp_path / other)
    (study,) = source.studies()
    assert [view.id for view in study.views] == ["aa-bb", "cc"]
    assert [(d.view, d.turns[0].parts) for d in study.dialogues] == [
        ("aa-bb", ("c",)),
        ("aa-bb", ("e",)),
        ("cc", ("a",)),
    ]


def test_a_view_whose_only_item_is_lost_is_not_there(tmp_path: Path) -> None:
    other = MIMIC.replace("aa-bb", "cc")
    source = one(tmp_path, [item("a", "b"), item("c", image=other, id="2")])
    Image.new("L", (8, 8)).save(tmp_path / other)
    (study,) = source.studies()
    assert [view.id for view in study.views] == ["aa-bb"]
    assert [q.where for q in source.quarantine] == ["2"]


def test_a_lateral_of_chexpert_is_no_frontal(tmp_path: Path) -> None:
    image = "CheXpert-v1.0/valid/patient64541/study1/view2_lateral.jpg"
    source = one(tmp_path, [item("a", "b", image=image)])
    (tmp_path / image).parent.mkdir(parents=True)
    shutil.copy(tmp_path / MIMIC, tmp_path / image)
    (study,) = source.studies()
    assert study.views[0].projection == "LATERAL"
    assert (study.patient, study.id) == ("patient64541", "valid/patient64541/study1")
    assert not list(Conversation().ask(study, Random(0)))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("At [0.1, 0.2, 0.3, 0.4].", ("At ", (Box(0.1, 0.2, 0.3, 0.4),), ".")),
        ("[0.1,0.2,0.3,0.4]", ((Box(0.1, 0.2, 0.3, 0.4),),)),
        ("Swapped [0.3, 0.2, 0.1, 0.4]", ("Swapped ", (Box(0.1, 0.2, 0.3, 0.4),))),
        ("Beyond [0.5, 0.5, 1.01, 1.0]", ("Beyond ", (Box(0.5, 0.5, 1.0, 1.0),))),
        ("See [1] and [2, 3].", ("See [1] and [2, 3].",)),
        ("Flat [0.5, 0.2, 0.5, 0.4]", None),
        ("Negative [-0.1, 0.2, 0.5, 0.4]", None),
        ("Pixels [120, 30, 400, 500]", None),
    ],
)
def test_coordinates_are_boxes_or_the_item_is_quarantined(
    tmp_path: Path, text: str, parts: tuple[Part, ...] | None
) -> None:
    source = one(tmp_path, [item("<image>\nWhere?", text)])
    studies = list(source.studies())
    if parts is None:
        assert not studies and "no box" in source.quarantine[0].reason
    else:
        assert studies[0].dialogues[0].turns[1] == Turn("assistant", parts)


def test_a_system_turn_may_only_stand_first(tmp_path: Path) -> None:
    system = {"from": "system", "value": "Be brief."}
    first, last = item("a", "b", id="1"), item("a", "b", id="2")
    first["conversations"].insert(0, system)
    last["conversations"].append(system)
    source = one(tmp_path, [first, last])
    (study,) = source.studies()
    assert [turn.role for turn in study.dialogues[0].turns] == ["system", "user", "assistant"]
    assert [q.where for q in source.quarantine] == ["2"]


@pytest.mark.parametrize(
    ("content", "why"),
    [("", "neither"), ("no json", "neither"), ("[1, 2", "whole"), (None, "read")],
)
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, content: str | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "items.json").write_text(content)
    with pytest.raises(TableError, match=why):
        list(LlavaJson(tmp_path, "items.json").studies())


@pytest.mark.parametrize("option", [{"split": "val"}, {"access": "free"}, {"projection": "pa"}])
def test_an_unknown_word_in_an_option_is_refused(tmp_path: Path, option: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=next(iter(option))):
        LlavaJson(tmp_path, "items.json", **option)


def test_options_say_what_the_file_does_not(tmp_path: Path) -> None:
    source = one(tmp_path, [item("a", "b", image="x.png")], family="own", split=None, access="open")
    shutil.copy(tmp_path / MIMIC, tmp_path / "x.png")
    (study,) = source.studies()
    assert (study.family, study.split, study.access) == ("own", None, "open")
    assert source.withheld() == frozenset() and Path(source.files()[0].path).is_file()
