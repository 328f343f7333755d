"""The simulated cohort as CheXpert is on disk: a table a split, JPEG below the patients' folders.

Training labels are as CheXpert writes them (``No Finding`` is 1.0 or empty, never 0.0), the others
0 or 1 throughout. The labels of the test set are there twice, by image and by study. Studies of
patients from 90001 on are traps.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Finding, Split, Study, View
from radvlm.sources.phantom.releases.ids import numbers
from radvlm.vocabulary import CHEXPERT_COLUMNS as LABELS
from radvlm.vocabulary import NO_FINDING

FOLDERS: dict[Split, str] = {"train": "train", "validate": "valid", "test": "test"}
ABOUT = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
SEXES = {"F": "Female", "M": "Male"}
OLDEST = 90
"""What the release says of everybody as old or older."""

_TRAPS = ("missing_image", "bad_label", "contradicting_labels", "uncertain", "blank", "corrupt")
_OUTSIDE = "../../CheXpert-v1.0/train/patient90099/study1/view1_frontal.jpg"

Cells = dict[str, str]


def patient_id(name: str) -> str:
    """The folder of a patient."""
    return f"patient{numbers(name)[0] + 1:05d}"


def study_id(study: Study) -> str:
    """The folder of a study, from that of its split on."""
    assert study.split is not None
    return f"{FOLDERS[study.split]}/{patient_id(study.id)}/study{numbers(study.id)[1]}"


def view_id(study: Study, view: View) -> str:
    """The image's file without its ending."""
    kind = "lateral" if view.projection == "LATERAL" else "frontal"
    return f"{study_id(study)}/view{numbers(view.id)[2]}_{kind}"


def trap_study(trap: str) -> str:
    """The study a trap is planted in."""
    return f"train/patient{90001 + _TRAPS.index(trap)}/study1"


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into the new folder ``out``; returns trap → ids of studies or views.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(read_studies(cohort / "studies.parquet"))
    tables: dict[str, list[Cells]] = {folder: [] for folder in FOLDERS.values()}
    with atomic_folder(out) as aside:
        for study in studies:
            folder = study_id(study).partition("/")[0]
            for view in study.views:
                tables[folder].append(row_of(study, view))
                save_jpeg(cohort / view.path, aside / f"{view_id(study, view)}.jpg")
        truth = _by_study(tables["test"])
        planted = _plant(tables, aside, cohort / studies[0].views[0].path)
        _save(aside / "train.csv", (*ABOUT, *LABELS), tables["train"], "utf-8-sig", "\r\n")
        _save(aside / "valid.csv", (*ABOUT, *LABELS), tables["valid"])
        _save(aside / "test.csv", ("Path", *LABELS), tables["test"])
        _save(aside / "groundtruth.csv", ("Study", *LABELS), truth)
    return planted


def save_jpeg(source: Path, target: Path) -> None:
    """An image as 8-bit grey JPEG."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        image.convert("L").save(target, quality=95)


def row_of(study: Study, view: View) -> Cells:
    """The row of a view in its table."""
    training = study.split == "train"
    prefix = "" if study.split == "test" else "CheXpert-v1.0/"
    lateral = view.projection == "LATERAL"
    cells = {f.name: _cell(f, training) for f in study.findings if f.name in LABELS}
    return cells | {
        "Path": f"{prefix}{view_id(study, view)}.jpg",
        "Sex": SEXES.get(study.sex or "", "Unknown"),
        "Age": str(min(int(study.age or 0), OLDEST)),
        "Frontal/Lateral": "Lateral" if lateral else "Frontal",
        "AP/PA": "" if lateral else view.projection,
    }


def _cell(finding: Finding, training: bool) -> str:
    present = finding.status == "present"
    if not training:
        return str(int(present))
    return "1.0" if present else "" if finding.name == NO_FINDING else "0.0"


def _by_study(table: Sequence[Cells]) -> list[Cells]:
    studies = {f"CheXpert-v1.0/{row['Path'].rpartition('/')[0]}": row for row in table}
    return [{**row, "Study": name} for name, row in studies.items()]


def _plant(tables: dict[str, list[Cells]], out: Path, image: Path) -> dict[str, list[str]]:
    """Rows of studies of their own, and one row of the cohort a second time."""
    train = tables["train"]
    whole = next(table for table in tables.values() if table)
    first, twice = whole[0], dict(whole[1 % len(whole)])
    known = twice["Path"].removeprefix("CheXpert-v1.0/").removesuffix(".jpg")
    planted = {"duplicated_row": [known], "escaping_path": [_OUTSIDE]}
    changes: dict[str, Cells] = {
        "bad_label": {"Edema": "2.0"},
        "uncertain": {**dict.fromkeys(LABELS, ""), "Edema": "-1.0", "Pneumonia": "-1.0"},
        "blank": {**dict.fromkeys(LABELS, ""), "Sex": "Unknown", "Age": "0", "AP/PA": "LL"},
    }
    for trap in _TRAPS:
        path = f"{trap_study(trap)}/view1_frontal"
        base = {**first, "Frontal/Lateral": "Frontal", "AP/PA": "PA"}
        train.append({**base, "Path": f"CheXpert-v1.0/{path}.jpg", **changes.get(trap, {})})
        planted[trap] = [trap_study(trap)]
        if trap == "missing_image":
            train.append({**train[-1], "Path": _OUTSIDE})
            planted[trap] = [path]
        else:
            save_jpeg(image, out / f"{path}.jpg")
        if trap == "contradicting_labels":
            second = f"{trap_study(trap)}/view2_frontal"
            other = "0.0" if float(train[-1]["Fracture"]) else "1.0"
            changed = {"Path": f"CheXpert-v1.0/{second}.jpg", "Fracture": other}
            train.append({**train[-1], **changed})
            save_jpeg(image, out / f"{second}.jpg")
        if trap == "uncertain":
            planted["two_frontals"] = [trap_study(trap)]
            second = f"{trap_study(trap)}/view2_frontal"
            train.append({**train[-1], "Path": f"CheXpert-v1.0/{second}.jpg", "AP/PA": "AP"})
            save_jpeg(image, out / f"{second}.jpg")
        if trap == "corrupt":
            half = (out / f"{path}.jpg").read_bytes()
            (out / f"{path}.jpg").write_bytes(half[: len(half) // 2])
    whole.append(twice)
    return planted


def _save(
    path: Path,
    columns: Sequence[str],
    table: Sequence[Cells],
    encoding: str = "utf-8",
    ending: str = "\n",
) -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(
            file, columns, restval="", extrasaction="ignore", lineterminator=ending
        )
        writer.writeheader()
        writer.writerows(table)
