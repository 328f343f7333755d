from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from radvlm.build.picture_store import hash_pictures
from radvlm.build.recipe import BuildRecipe, CopyChoice, Roots, SourceChoice, TaskChoice
from radvlm.build.run import build
from radvlm.errors import LeakageError, RecipeError
from radvlm.io.dataset import examples_of
from radvlm.io.files import sha256_of, write_json
from radvlm.io.tables import read_studies, write_studies
from radvlm.records import Example, Split, Study
from radvlm.sources.phantom.cohort import make_cohort
from radvlm.sources.phantom.plan import PhantomConfig

OTHER: dict[Split, Split] = {"train": "test", "test": "train", "validate": "train"}
"""Where the re-hosted pictures of a split are put."""

RUN = """
import sys
from pathlib import Path
from radvlm.build.picture_store import hash_pictures
if __name__ == "__main__":
    hash_pictures(sys.argv[2:], Path(sys.argv[1]), workers=1)
"""


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort, and a collection that re-hosts every third of its studies under other names."""
    folder = tmp_path_factory.mktemp("roots")
    make_cohort(PhantomConfig(patients=24, size=192, seed=5, lateral=0.3), folder / "phantom")
    (folder / "hosted").mkdir()
    write_json(folder / "hosted" / "manifest.json", {"access": "open"})
    studies = [s for s in read_studies(folder / "phantom" / "studies.parquet") if s.split]
    hosted = [re_hosted(study, folder) for study in studies[::3]]
    write_studies(folder / "hosted" / "studies.parquet", sorted(hosted, key=lambda s: s.id))
    return folder


def re_hosted(study: Study, folder: Path) -> Study:
    """The study as a JPEG of half the size, of a family, patient and split of its own."""
    assert study.split is not None
    views = []
    for number, view in enumerate(study.views):
        image = Image.open(folder / "phantom" / view.path)
        name = f"h{study.id}-{number}.jpg"
        image.resize((120, 120)).save(folder / "hosted" / name, quality=60)
        views.append(dataclasses.replace(view, path=name, width=120, height=120))
    changed = OTHER[study.split]
    patient = f"h{study.id}"
    return dataclasses.replace(
        study,
        family="hosted",
        sources=("hosted",),
        id=patient,
        patient=patient,
        split=changed,
        views=tuple(views),
        prior=None,
    )


def recipe_of(roots: Path, out: Path, **changes: object) -> BuildRecipe:
    asked = ("anatomical_grounding", "classification")
    made = BuildRecipe(
        out=out / "data",
        data=Roots(roots={"phantom": roots / "phantom", "hosted": roots / "hosted"}),
        sources={
            "phantom": SourceChoice(source="phantom"),
            "hosted": SourceChoice(source="studies_table"),
        },
        tasks={name: TaskChoice() for name in asked},
        copies=CopyChoice(out=out / "hashes"),
        shards=2,
        workers=1,
    )
    return made.model_copy(update=changes)


def choice(out: Path, rule: str) -> CopyChoice:
    return CopyChoice.model_validate({"out": out / "hashes", "rule": rule})


def planted(roots: Path) -> tuple[set[str | None], set[str | None]]:
    """Patients, under both names, of pictures that are in training and in a held-out split."""
    original = {f"h{s.id}": s for s in read_studies(roots / "phantom" / "studies.parquet")}
    trained: set[str | None] = set()
    tested: set[str | None] = set()
    for study in read_studies(roots / "hosted" / "studies.parquet"):
        for one in (study, original[study.id]):
            if one.split == "train":
                trained.add(one.patient)
            elif one.split == "test":
                tested.add(one.patient)
    return trained, tested


def examples(folder: Path, split: Split) -> list[Example]:
    return list(examples_of(folder, split))


def test_reported_copies_mark_every_test_example_of_their_patients(
    roots: Path, tmp_path: Path
) -> None:
    manifest = build(recipe_of(roots, tmp_path))
    _, tested = planted(roots)
    data = tmp_path / "data"
    expected = {e.id for e in examples(data, "test") if e.patient in tested}
    clean = {e.id for e in examples(data, "test")} - expected
    assert expected and clean
    assert set(manifest["leak"]["contaminated_test_examples"]) == expected
    copies = manifest["leak"]["copies"]
    assert copies["not_compared"] == copies["examples_dropped"] == 0
    said = {(p["training"], p["other"], p["split"]): p["pairs"] for p in copies["pairs"]}
    # Examples are about frontal views alone, of which each study has one.
    moved = [s.split for s in read_studies(roots / "hosted" / "studies.parquet")]
    validation = sum(n for (_, _, split), n in said.items() if split == "validate")
    assert said["phantom", "hosted", "test"] == moved.count("test")
    assert said["hosted", "phantom", "test"] + validation == moved.count("train")
    lines = [json.loads(line) for line in (data / "copies.jsonl").read_text().splitlines()]
    assert len(lines) == sum(said.values()) == len(moved)
    for line in lines:
        ours, theirs = sorted((line["training"], line["other"]), key=lambda v: len(v["family"]))
        assert ours["view"] == theirs["view"] and {ours["family"], theirs["family"]} == {
            "hosted",
            "phantom",
        }
    card = (data / "README.md").read_text()
    assert f"the same, by their hashes: {moved.count('test')} pairs" in card


def test_dropped_patients_leave_the_data_set_as_if_they_had_never_been_in_training(
    roots: Path, tmp_path: Path
) -> None:
    trained, _ = planted(roots)
    dropped = build(recipe_of(roots, tmp_path, copies=choice(tmp_path, "drop")))
    data = tmp_path / "data"
    counts = {(r["task"], r["split"], r["source"]): r["examples"] for r in dropped["examples"]}
    splits: tuple[Split, ...] = ("train", "validate", "test")
    held = [e for split in splits for e in examples(data, split)]
    for (task, split, source), n in counts.items():
        assert n == sum((e.task, e.split, e.source) == (task, split, source) for e in held)
    assert sum(counts.values()) == len(held)
    assert not {e.patient for e in held if e.split == "train"} & trained
    assert dropped["files"] == {p.name: sha256_of(p) for p in data.glob("*.parquet")}
    assert dropped["leak"]["contaminated_test_examples"] == []

    without = shutil.copytree(roots, tmp_path / "without")
    for name in ("phantom", "hosted"):
        kept = [
            dataclasses.replace(s, split=None) if s.split == "train" and s.patient in trained else s
            for s in read_studies(roots / name / "studies.parquet")
        ]
        write_studies(without / name / "studies.parquet", kept)
    never = build(recipe_of(without, tmp_path / "never", copies=None))
    assert dropped["content"] == never["content"]
    assert never["leak"]["copies"] is None
    whole = sum(r["examples"] for r in build(recipe_of(roots, tmp_path / "all"))["examples"])
    assert dropped["leak"]["copies"]["examples_dropped"] == whole - len(held) > 0


def test_a_build_that_forbids_copies_stops_and_leaves_nothing(roots: Path, tmp_path: Path) -> None:
    with pytest.raises(LeakageError) as caught:
        build(recipe_of(roots, tmp_path, copies=choice(tmp_path, "fail")))
    trained, tested = planted(roots)
    said = str(caught.value)
    assert "of phantom in hosted" in said or "of hosted in phantom" in said
    assert sum(f"of patient {name}" in said for name in trained | tested) == 2
    assert "copies.rule=drop" in said and "\n" not in said
    assert not (tmp_path / "data").exists()


def test_patients_of_data_that_is_not_open_are_not_named(roots: Path, tmp_path: Path) -> None:
    closed = shutil.copytree(roots, tmp_path / "roots")
    write_json(closed / "hosted" / "manifest.json", {"access": "private"})
    hosted = read_studies(roots / "hosted" / "studies.parquet")
    private = (dataclasses.replace(study, access="private") for study in hosted)
    write_studies(closed / "hosted" / "studies.parquet", private)
    with pytest.raises(LeakageError) as caught:
        build(recipe_of(closed, tmp_path, copies=choice(tmp_path, "fail")))
    names = {str(s.patient) for s in read_studies(roots / "hosted" / "studies.parquet")}
    assert not any(f"patient {name}" in str(caught.value) for name in names)
    manifest = build(recipe_of(closed, tmp_path))
    assert "copies.jsonl" in manifest["sensitive"]
    for path in [tmp_path / "data" / "copies.jsonl", *(tmp_path / "hashes").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0


def test_it_is_the_same_for_one_worker_and_two(roots: Path, tmp_path: Path) -> None:
    found = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        found.append(build(recipe_of(roots, out, workers=workers)))
    one, two = tmp_path / "1", tmp_path / "2"
    assert found[0]["leak"] == found[1]["leak"] and found[0]["files"] == found[1]["files"]
    for name in ("data/copies.jsonl", *(f"hashes/{p.name}" for p in (one / "hashes").iterdir())):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_a_damaged_picture_is_counted_and_named_and_its_example_stays(
    roots: Path, tmp_path: Path
) -> None:
    healthy = build(recipe_of(roots, tmp_path / "before"))
    victim = next(iter(examples_of(tmp_path / "before" / "data", "train"))).views[0].path
    whole = Path(victim).read_bytes()
    try:
        Path(victim).write_bytes(whole[: len(whole) // 2])
        manifest = build(recipe_of(roots, tmp_path))
    finally:
        Path(victim).write_bytes(whole)
    assert manifest["examples"] == healthy["examples"]
    assert manifest["leak"]["copies"]["not_compared"] == manifest["quarantined"] == 1
    (line,) = (tmp_path / "data" / "quarantine.jsonl").read_text().splitlines()
    said = json.loads(line)
    assert said["where"] == victim and said["reason"].startswith("not compared: ")
    assert build(recipe_of(roots, tmp_path))["leak"] == healthy["leak"]


def test_a_killed_run_goes_on_and_decodes_no_picture_twice(roots: Path, tmp_path: Path) -> None:
    paths = sorted(map(str, (roots / "phantom" / "images").glob("*.png")))
    whole = hash_pictures(paths, tmp_path / "whole", workers=1)
    out = tmp_path / "out"
    (tmp_path / "run.py").write_text(RUN)
    process = subprocess.Popen([sys.executable, tmp_path / "run.py", out, *paths])
    while process.poll() is None and len(list(out.glob("[0-9]*.json"))) < 3:
        time.sleep(0.001)
    process.kill()
    assert process.wait() < 0
    left = {p: p.stat().st_mtime_ns for p in out.glob("[0-9]*.json")}
    assert 3 <= len(left) < len(list((tmp_path / "whole").iterdir()))
    again = hash_pictures(paths, out, workers=1)
    assert again.paths == whole.paths == paths and (again.hashes == whole.hashes).all()
    assert {p: p.stat().st_mtime_ns for p in left} == left
    few = hash_pictures([*paths[3:5], str(tmp_path / "none.png")], out, workers=1)
    assert few.paths == paths[3:5] and (few.hashes == whole.hashes[3:5]).all()
    assert few.damaged == {str(tmp_path / "none.png"): "image file is missing"}


def test_a_picture_that_was_replaced_is_hashed_anew(roots: Path, tmp_path: Path) -> None:
    first, second = sorted((roots / "phantom" / "images").glob("*.png"))[:2]
    target = tmp_path / "a.png"
    target.write_bytes(first.read_bytes())
    before = hash_pictures([str(target)], tmp_path / "hashes", workers=1)
    target.write_bytes(second.read_bytes())
    after = hash_pictures([str(target)], tmp_path / "hashes", workers=1)
    expected = hash_pictures([str(second)], tmp_path / "hashes", workers=1)
    assert (after.hashes == expected.hashes).all() and (after.hashes != before.hashes).any()


def test_dropping_is_refused_where_examples_do_not_tell_their_row(
    roots: Path, tmp_path: Path
) -> None:
    rows = {
        "a": TaskChoice(task="anatomical_grounding", splits=("train",)),
        "b": TaskChoice(task="anatomical_grounding", splits=("validate",), into="train"),
    }
    with pytest.raises(RecipeError, match="rows 'a' and 'b'"):
        build(recipe_of(roots, tmp_path, tasks=rows, copies=choice(tmp_path, "drop")))
    assert not (tmp_path / "hashes").exists()
