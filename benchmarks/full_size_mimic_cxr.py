"""MIMIC-CXR-JPG at full size, as far as the build reads it.

Counts are those of the release (Johnson et al. 2019) and of Table 1 of the RadVLM paper. Images are
empty files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.full_size_parts import (
    Flags,
    Numbers,
    Population,
    Scale,
    cells,
    dicom_ids,
    lay_out,
    touch,
    write_csv,
)
from radvlm.records import Split
from radvlm.vocabulary import CHEXPERT_14

POPULATIONS: dict[Split, Population] = {
    "train": Population(64_586, 222_758, 213_000, 237_912, 131_048),
    "validate": Population(500, 1_808, 1_750, 1_959, 1_032),
    "test": Population(293, 3_269, 3_190, 3_403, 1_756),
}
"""377,110 views of 227,835 studies; frontal ones are those that say AP or PA."""

UNLABELLED = 8
"""Studies without a row in the table of labels."""

_SIZES = ((3056, 2544), (2544, 3056), (2022, 1736), (2539, 2705))
_METADATA = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,"
    "StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,"
    "PatientOrientationCodeSequence_CodeMeaning"
)
_CODES = {
    "AP": "antero-posterior",
    "PA": "postero-anterior",
    "LATERAL": "lateral",
    "LL": "left lateral",
    "": "",
}
SPLITS: tuple[Split, ...] = ("train", "validate", "test")


@dataclass(frozen=True, slots=True)
class Views:
    """One entry a view, ascending by patient and study; ``split`` counts in train, validate, test.

    ``size`` holds rows and columns.
    """

    patient: Numbers
    study: Numbers
    dicom: list[str]
    position: list[str]
    split: Numbers
    frontal: Flags
    size: Numbers

    def folder(self, at: int) -> str:
        """Where the study of a view is, below the root."""
        patient = str(self.patient[at])
        return f"files/p{patient[:2]}/p{patient}/s{self.study[at]}"

    def frontals(self, split: Split) -> Numbers:
        """Indices of the frontal views of a split."""
        return np.flatnonzero(self.frontal & (self.split == SPLITS.index(split)))


def make_views(rng: np.random.Generator, n: Scale) -> Views:
    parts = [lay_out(rng, POPULATIONS[split].scaled(n)) for split in SPLITS]
    patients = np.cumsum([0, *(int(patient[-1]) + 1 for patient, _, _ in parts)])
    studies = np.cumsum([0, *(int(study[-1]) + 1 for _, study, _ in parts)])
    names = 10_000_000 + rng.choice(10_000_000, patients[-1], replace=False)
    numbers = 50_000_000 + rng.choice(10_000_000, studies[-1], replace=False)
    patient = np.concatenate([names[p + patients[i]] for i, (p, _, _) in enumerate(parts)])
    study = np.concatenate([numbers[s + studies[i]] for i, (_, s, _) in enumerate(parts)])
    frontal = np.concatenate([f for _, _, f in parts])
    split = np.repeat(np.arange(3), [len(p) for p, _, _ in parts])
    order = np.lexsort((study, patient))
    frontal = frontal[order]
    return Views(
        patient[order],
        study[order],
        dicom_ids(rng, len(order)),
        np.where(
            frontal,
            cells(rng, len(order), ("AP", "PA"), (0.6, 0.4)),
            cells(rng, len(order), ("LATERAL", "LL", ""), (0.65, 0.27, 0.08)),
        ).tolist(),
        split[order],
        frontal,
        np.array(_SIZES)[rng.integers(len(_SIZES), size=len(order))],
    )


def write_mimic(root: Path, rng: np.random.Generator, views: Views) -> None:
    count = len(views.dicom)
    described = cells(
        rng, count, ("CHEST (PA AND LAT)", "CHEST (PORTABLE AP)", ""), (0.5, 0.4, 0.1)
    )
    date = 21_100_101 + 10_000 * (views.patient % 80) + views.study % 12 * 100 + views.study % 28
    write_csv(
        root / "mimic-cxr-2.0.0-metadata.csv.gz",
        _METADATA,
        [
            views.dicom,
            views.patient.tolist(),
            views.study.tolist(),
            described,
            views.position,
            *views.size.T.tolist(),
            date.tolist(),
            (rng.integers(86_000_000, size=count) / 1000).tolist(),
            described,
            map(_CODES.__getitem__, views.position),
            cells(rng, count, ("Erect", "Recumbent", ""), (0.6, 0.1, 0.3)),
        ],
    )
    split = np.array(SPLITS, dtype=object)[views.split]
    columns = [views.dicom, views.study.tolist(), views.patient.tolist(), split]
    header = "dicom_id,study_id,subject_id,split"
    write_csv(root / "mimic-cxr-2.0.0-split.csv.gz", header, columns)
    _write_labels(root, rng, views)
    touch(root, (f"{views.folder(i)}/{dicom}.jpg" for i, dicom in enumerate(views.dicom)))


def _write_labels(root: Path, rng: np.random.Generator, views: Views) -> None:
    """A row a study but for a few that have no frontal view."""
    studies, first = np.unique(views.study, return_index=True)
    frontal = np.isin(studies, views.study[views.frontal])
    kept = np.ones(len(studies), bool)
    kept[np.flatnonzero(~frontal)[:UNLABELLED]] = False
    order = np.lexsort((studies, views.patient[first]))
    order = order[kept[order]]
    said = cells(rng, (len(order), 14), ("", "1.0", "0.0", "-1.0"), (0.62, 0.18, 0.14, 0.06))
    normal = CHEXPERT_14.index("No Finding")
    said[:, normal] = ""
    said[:, normal] = np.where(((said == "1.0") | (said == "-1.0")).any(axis=1), "", "1.0")
    columns = [views.patient[first][order].tolist(), studies[order].tolist(), *said.T]
    header = ["subject_id", "study_id", *CHEXPERT_14]
    write_csv(root / "mimic-cxr-2.0.0-chexpert.csv.gz", header, columns)
