"""CheXpert and CheXpert Plus at full size, as far as the build reads them.

Counts are those of the releases (Irvin et al. 2019; Chambon et al. 2024) and of Table 1 of the
RadVLM paper. Images are empty files; reports have about 1,500 characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.full_size_parts import (
    Curated,
    Flags,
    Numbers,
    Population,
    Scale,
    cells,
    lay_out,
    touch,
    with_sum,
    write_csv,
    write_rows,
)
from benchmarks.full_size_text import Sentences
from radvlm.records import Split

FOLDERS: dict[str, tuple[Split, Population]] = {
    "train": ("train", Population(64_540, 187_641, 187_000, 191_027, 32_387)),
    "valid": ("validate", Population(200, 200, 200, 202, 32)),
    "test": ("test", Population(500, 500, 500, 518, 150)),
}
REPORTS = 186_463
NOT_IN_PLUS = ((2, 0, 28), (1, 1, 28), (1, 0, 74))
"""Studies that CheXpert Plus lacks: frontal views, lateral views, how many such studies."""

LABELS = (
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,"
    "Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,"
    "Support Devices"
)
_PLUS = (
    "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,"
    "report,section_narrative,section_clinical_history,section_history,section_comparison,"
    "section_technique,section_procedure_comments,section_findings,section_impression,"
    "section_end_of_impression,section_summary,section_accession_number,age,sex,race,ethnicity,"
    "interpreter_needed,insurance_type,recent_bmi,deceased,split"
)
_SIGNED = "I have personally reviewed the images for this examination and agreed with the report."


@dataclass(frozen=True, slots=True)
class Views:
    """One entry a view of a folder, in the order of the studies; studies count from 0."""

    study: Numbers
    frontal: Flags
    patient: list[str]
    path: list[str]
    sex: list[str]
    age: list[int]
    position: list[str]


def chexpert_rows(n: Scale) -> dict[str, int]:
    """Row of the mixture → examples there are."""
    return {
        "chexpert_reports": n(REPORTS),
        "chexpert_labels": FOLDERS["train"][1].scaled(n).frontals,
        "test_chexpert_labels": FOLDERS["test"][1].scaled(n).frontals,
    }


def make_chexpert(root: Path, n: Scale) -> list[Curated]:
    """Write both releases; returns what the curated folder is to hold."""
    rng = np.random.default_rng(2)
    folders = {}
    before = 0
    for name, (_, full) in FOLDERS.items():
        folders[name] = _views(rng, name, full.scaled(n), before)
        before += full.scaled(n).patients
        _write_labels(root / "chexpert", rng, name, folders[name])
        touch(root / "chexpert", folders[name].path)
    known = _known(rng, folders["train"], n)
    _write_plus(root / "chexpert_plus", rng, folders, known)
    return _curated(rng, folders["train"], known, n)


def _views(rng: np.random.Generator, folder: str, size: Population, before: int) -> Views:
    patient, study, frontal = lay_out(rng, size)
    first_study = np.unique(patient, return_index=True)[1]
    number = study - study[first_study][patient] + 1
    begins = np.unique(study, return_index=True)[1]
    view = np.arange(len(study)) - begins[study] + 1
    names = [f"patient{before + p + 1:05d}" for p in patient.tolist()]
    kinds = np.where(frontal, "frontal", "lateral").tolist()
    paths = [
        f"{folder}/{name}/study{s}/view{v}_{kind}.jpg"
        for name, s, v, kind in zip(names, number.tolist(), view.tolist(), kinds, strict=True)
    ]
    sex = cells(rng, size.patients, ("Male", "Female"), (0.55, 0.45))[patient]
    age = rng.integers(18, 91, size=size.patients)[patient]
    position = cells(rng, len(study), ("AP", "PA"), (0.846, 0.154))
    position[np.flatnonzero(frontal)[5::12_000]] = "LL"
    position[~frontal] = ""
    return Views(study, frontal, names, paths, sex.tolist(), age.tolist(), position.tolist())


def _write_labels(root: Path, rng: np.random.Generator, folder: str, views: Views) -> None:
    """``train.csv`` and ``valid.csv`` with patient and view, ``test.csv`` with the path alone."""
    studies = int(views.study[-1]) + 1
    if folder == "train":
        said = cells(rng, (studies, 14), ("", "1.0", "0.0", "-1.0"), (0.62, 0.2, 0.12, 0.06))
        said[:, 0] = ""
        said[:, 0] = np.where(((said == "1.0") | (said == "-1.0")).any(axis=1), "", "1.0")
    else:
        said = cells(rng, (studies, 14), ("1.0", "0.0"), (0.2, 0.8))
    of_view = said[views.study].T
    if folder == "test":
        write_csv(root / "test.csv", f"Path,{LABELS}", [views.path, *of_view])
        return
    path = [f"CheXpert-v1.0/{path}" for path in views.path]
    kind = np.where(views.frontal, "Frontal", "Lateral").tolist()
    header = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{LABELS}"
    columns = [path, views.sex, views.age, kind, views.position, *of_view]
    write_csv(root / f"{folder}.csv", header, columns)


def _known(rng: np.random.Generator, views: Views, n: Scale) -> Flags:
    """Which training studies CheXpert Plus has."""
    frontals = np.bincount(views.study[views.frontal], minlength=views.study[-1] + 1)
    laterals = np.bincount(views.study[~views.frontal], minlength=views.study[-1] + 1)
    known = np.ones(len(frontals), bool)
    for frontal, lateral, count in NOT_IN_PLUS:
        alike = np.flatnonzero((frontals == frontal) & (laterals == lateral))
        known[rng.permutation(alike)[: n(count)]] = False
    return known


def _write_plus(
    root: Path, rng: np.random.Generator, folders: dict[str, Views], known: Flags
) -> None:
    """A row an image, the report of its study repeated on each; no test images."""
    sentences = Sentences(rng)

    def lines() -> Iterator[list[Any]]:
        for folder in ("train", "valid"):
            views = folders[folder]
            for study, group in groupby(range(len(views.study)), views.study.__getitem__):
                if folder == "valid" or known[study]:
                    about = _report(rng, sentences, int(study))
                    for at in group:
                        yield _line(views, at, folder, about)

    root.mkdir(parents=True)
    write_rows(root / "df_chexpert_plus_240401.csv", _PLUS, lines())


def _report(rng: np.random.Generator, sentences: Sentences, study: int) -> list[str]:
    """The columns from ``report`` to ``section_accession_number``."""
    history, findings, impression = sentences.reports(rng, 3, 6)
    findings = findings if study % 3 == 0 else ""
    numbered = "\n".join(f"{i}. {s}." for i, s in enumerate(impression.split(". "), 1))
    narrative = f"RADIOGRAPHIC EXAMINATION OF THE CHEST: 1-1-2001\n{history}"
    report = (
        f"NARRATIVE:\n{narrative}\n\nCLINICAL HISTORY: {history}\n\nCOMPARISON: None.\n\n"
        f"FINDINGS:\n{findings}\n\nIMPRESSION:\n\n{numbered}\n\n{_SIGNED}"
    )
    start = [report, narrative, history, "", "None.", "CHEST 1 VIEW", ""]
    return [*start, findings, numbered, _SIGNED, "", str(9_000_000 + study)]


def _line(views: Views, at: int, folder: str, about: list[str]) -> list[Any]:
    path = views.path[at]
    kind = "Frontal" if views.frontal[at] else "Lateral"
    order = path.split("/")[2].removeprefix("study")
    start = [path, path.replace(".jpg", ".dcm"), kind, views.position[at], views.patient[at], order]
    about_patient = [float(views.age[at]), views.sex[at], "Unknown", "Unknown", "No", "Medicare"]
    return [*start, *about, *about_patient, "24.5", "No", folder]


def _curated(rng: np.random.Generator, views: Views, known: Flags, n: Scale) -> list[Curated]:
    """Reports of exactly as many frontal views as published."""
    counts = np.bincount(views.study[views.frontal], minlength=len(known)) * known
    chosen = np.zeros(len(known), bool)
    chosen[with_sum(rng, counts, n(REPORTS))] = True
    found = []
    for study, group in groupby(range(len(views.study)), views.study.__getitem__):
        if chosen[study]:
            members = list(group)
            names = tuple(views.path[at][: -len(".jpg")] for at in members if views.frontal[at])
            folder = views.path[members[0]].rpartition("/")[0]
            found.append(
                Curated("chexpert", views.patient[members[0]], folder, "train", names, True)
            )
    return found
