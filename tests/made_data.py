"""A small credentialed data set whose every count is known, with markup in all its texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from radvlm.io.dataset import shard_name
from radvlm.io.tables import write_examples, write_studies
from radvlm.records import Answer, Box, Example, Split, Status, Study, Turn, View

SCRIPT = "<script>document.title='owned'</script><b>bold</b> & \"quote\""
SECRET = "zebrafish"
"""Stands in every text and id of an example, and nowhere else."""
RARE = f"rare {SECRET} {SCRIPT}"
BOXES = (Box(0.25, 0.5, 0.75, 1.0), Box(0.0, 0.0, 0.1, 0.05))
REPORTS, GROUNDINGS = 12, 3


def report(number: int, image: Path) -> Example:
    """Three words asked, five answered; one of the twelve has a label of its own."""
    labels: dict[str, Status] = {"Edema": "present"}
    if number == 0:
        labels[RARE] = "uncertain"
    said = f"one two three {SECRET} {number}"
    answer = Turn("assistant", (said,), Answer("", labels))
    turns = (Turn("user", (f"Report this {SECRET}",)), answer)
    return _example(f"{SECRET}-r{number}", "report", "train", f"p{number % 11}", image, turns)


def grounding(number: int, image: Path) -> Example:
    """Two rounds: two boxes, then none."""
    first = Turn("assistant", ("Here: ", BOXES, SCRIPT), Answer("", {"Edema": "absent"}))
    turns = (
        Turn("user", (SCRIPT,)),
        first,
        Turn("user", (f"Again, {SECRET}?",)),
        Turn("assistant", (SECRET,)),
    )
    return _example(f"{SECRET}-g{number}", "grounding", "test", f"q{number}", image, turns)


def make(folder: Path, access: str = "credentialed") -> Path:
    """Write it into ``folder``/data; one of its images is missing, one name holds NUL."""
    image, data = folder / f"{SECRET}.png", folder / "data"
    data.mkdir()
    Image.fromarray(np.tile(np.arange(128, dtype=np.uint8), (96, 1))).save(image)
    reports = [report(number, image) for number in range(REPORTS)]
    grounded = [grounding(number, image) for number in range(GROUNDINGS)]
    grounded[0] = grounding(0, folder / f"gone-{SECRET}.png")
    grounded[1] = grounding(1, Path("nul\0"))
    files = {
        shard_name("examples-train", 0, 2): reports[:5],
        shard_name("examples-train", 1, 2): reports[5:],
        shard_name("examples-test", 0, 1): grounded,
    }
    for name, examples in files.items():
        write_examples(data / name, examples)
    studies = shard_name("studies", 0, 1)
    write_studies(data / studies, [_study(number, image) for number in range(14)])
    manifest = {**manifest_of(access), "files": dict.fromkeys([*files, studies], "0")}
    (data / "manifest.json").write_text(json.dumps(manifest))
    return data


def manifest_of(access: str = "credentialed") -> dict[str, Any]:
    """What the build would say of it, and some that it lost."""
    rows = (("report", "train", REPORTS, 3), ("grounding", "test", GROUNDINGS, 1))
    return {
        "schema_version": 2,
        "radvlm": "0.1.0",
        "python": "3.11",
        "mixture": f"made {SCRIPT}",
        "waiting": [],
        "recipe": "abc",
        "seed": 0,
        "access": access,
        "sources": [
            {"name": SCRIPT, "family": "f", "access": access, "licence": SCRIPT,
             "citation": SCRIPT, "studies": 14},
        ],
        "studies": 14,
        "studies_by_source": {SCRIPT: 14},
        "studies_without_split": 0,
        "studies_with_patient_unknown": 0,
        "studies_withheld": 0,
        "patients": {"train": 11, "validate": 0, "test": 3},
        "examples": [
            {"row": task, "task": task, "split": split, "source": SCRIPT, "examples": n}
            for task, split, n, _ in rows
        ],
        "content": {"train": "1", "test": "2"},
        "plan": [
            {"name": task, "task": task, "source": "all", "split": split, "available": n // repeat,
             "kept": n // repeat, "repeat": repeat, "examples": n, "published": 20,
             "why": {"unreadable": 7, SCRIPT: 13 - n // repeat}, "waiting": None}
            for task, split, n, repeat in rows
        ],
        "leak": {"rule": "fail", "patients_in_several_splits": {SCRIPT: 4}, "studies_dropped": 0,
                 "contaminated_test_examples": [f"{SECRET}-g0"]},
        "quarantined": 27,
        "quarantine": [
            {"source": SCRIPT, "reason": "the file is missing", "records": 23},
            {"source": SCRIPT, "reason": f"box of {SECRET}", "records": 4},
        ],
    }  # fmt: skip


def _example(
    id_: str, task: str, split: Split, patient: str, image: Path, turns: tuple[Turn, ...]
) -> Example:
    view = View(f"{SECRET}-{id_}", str(image), "PA")
    patient = f"{SECRET}-{patient}"
    return Example(id_, task, SCRIPT, "f", patient, split, "credentialed", (view,), turns)


def _study(number: int, image: Path) -> Study:
    """Eleven of training and three of test; ten women, three men, one as a text tells."""
    split: Split = "train" if number < 11 else "test"
    sex = "F" if number < 10 else "M" if number < 13 else f"{SECRET} {SCRIPT}"
    views = (View(f"a{number}", str(image), "PA"), View(f"b{number}", str(image), "LATERAL"))
    name = f"{SECRET}-{number}"
    age = None if number == 0 else 95.0 if number == 1 else 42.0
    return Study("f", (SCRIPT,), name, name, split, "credentialed", views, sex=sex, age=age)
