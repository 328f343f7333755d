"""The simulated cohort as CheXpert Plus is on disk: a table of reports, and CheXbert's labels.

Studies and images have the names they have in CheXpert's release, and the images are only there.
The test set has no reports. The report stands on the row of every image, with line breaks inside
of the cells. Studies of patients from 91001 on are traps.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Study, View
from radvlm.sources.phantom.releases.chexpert import (
    OLDEST,
    SEXES,
    patient_id,
    study_id,
    view_id,
)
from radvlm.sources.phantom.releases.ids import numbers
from radvlm.vocabulary import CHEXPERT_COLUMNS as LABELS
from radvlm.vocabulary import NO_FINDING

TABLE = "df_chexpert_plus_240401.csv"
HEADER = (
    "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,"
    "report,section_narrative,section_clinical_history,section_history,section_comparison,"
    "section_technique,section_procedure_comments,section_findings,section_impression,"
    "section_end_of_impression,section_summary,section_accession_number,age,sex,race,ethnicity,"
    "interpreter_needed,insurance_type,recent_bmi,deceased,split"
)
SIGNED = "I have personally reviewed the images for this examination.\n(simulated)"
LABELLED = ("findings", "impression", "report")

_TRAPS = ("contradicting_reports", "split_of_another", "uncertain", "contradicting_labels")
_OUTSIDE = "../../train/patient91099/study1/view1_frontal.jpg"

Cells = dict[str, str]
Labels = dict[str, float | str | None]


def trap_study(trap: str) -> str:
    """The study a trap is planted in."""
    return f"train/patient{91001 + _TRAPS.index(trap)}/study1"


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into the new folder ``out``; returns trap → ids of studies or views.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = [s for s in read_studies(cohort / "studies.parquet") if s.split != "test"]
    told = [(study, view) for study in studies for view in study.views]
    # The third study lacks its findings, the fourth has a section of nothing but a line break.
    lacking = dict(zip((study.id for study in studies[2:4]), ("", "\n"), strict=False))
    table = [_row(study, view, lacking.get(study.id)) for study, view in told]
    labels = [_labels(study, view) for study, view in told]
    planted = _plant(table, labels)
    planted["no_findings"] = [study_id(study) for study in studies if study.id in lacking]
    with atomic_folder(out) as aside:
        with (aside / TABLE).open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, HEADER.split(","), restval="")
            writer.writeheader()
            writer.writerows(table)
        (aside / "chexbert_labels").mkdir()
        for name in LABELLED:
            _save_labels(aside / "chexbert_labels" / f"{name}_fixed.json", labels)
    return planted


def narrative(study: Study) -> str:
    """The clinical history, with a quote, a comma and a line break."""
    return f'{int(study.age or 0)} years of age,\n"cough".'


def _row(study: Study, view: View, instead: str | None) -> Cells:
    path = view_id(study, view)
    lateral = view.projection == "LATERAL"
    findings = study.texts["findings"].replace(". ", ".\n") if instead is None else instead
    impression = study.texts["impression"]
    return {
        "path_to_image": f"{path}.jpg",
        "path_to_dcm": f"{path}.dcm",
        "frontal_lateral": "Lateral" if lateral else "Frontal",
        "ap_pa": "" if lateral else view.projection,
        "deid_patient_id": patient_id(study.id),
        "patient_report_date_order": str(numbers(study.id)[1]),
        "report": f"FINDINGS:\n{findings}\n\nIMPRESSION:\n{impression}\n\n{SIGNED}",
        "section_clinical_history": narrative(study),
        "section_comparison": "None.",
        "section_findings": findings,
        "section_impression": impression,
        "section_end_of_impression": SIGNED,
        "section_accession_number": str(9_000_000 + numbers(study.id)[0]),
        "age": f"{min(study.age or 0, OLDEST):.1f}",
        "sex": SEXES.get(study.sex or "", "Unknown"),
        "split": path.partition("/")[0],
    }


def _labels(study: Study, view: View) -> Labels:
    """Present and absent as CheXbert says it; that there is a finding it says by no label."""
    said = {finding.name: finding.status == "present" for finding in study.findings}
    cells: Labels = {"path_to_image": f"{view_id(study, view)}.jpg"}
    for name in LABELS:
        cells[name] = None if name == NO_FINDING and not said[name] else float(said[name])
    return cells


def _plant(table: list[Cells], labels: list[Labels]) -> dict[str, list[str]]:
    """Rows of studies of their own, and a row of the cohort a second time."""
    twice, said = dict(table[1 % len(table)]), dict(labels[1 % len(labels)])
    planted = {
        "duplicated_row": [twice["path_to_image"].removesuffix(".jpg")],
        "escaping_path": [_OUTSIDE],
    }
    for trap in _TRAPS:
        path = f"{trap_study(trap)}/view1_frontal.jpg"
        own = {"path_to_image": path, "split": "train"}
        table.append({**table[0], **own, "frontal_lateral": "Frontal", "ap_pa": "PA"})
        labels.append({**labels[0], "path_to_image": path})
        planted[trap] = [trap_study(trap)]
        second = {"path_to_image": path.replace("view1", "view2")}
        if trap == "contradicting_reports":
            table.append({**table[-1], **second, "section_impression": "Another."})
        elif trap == "split_of_another":
            table[-1]["split"] = "valid"
            planted[trap] = [path.removesuffix(".jpg")]
        elif trap == "uncertain":
            labels[-1] |= {**dict.fromkeys(LABELS, None), "Edema": -1.0}
        else:
            other = 1.0 - float(labels[-1]["Edema"] or 0)
            labels.append({**labels[-1], **second, "Edema": other})
            table.append({**table[-1], **second})
    table.append({**table[0], "path_to_image": _OUTSIDE})
    table.append(twice)
    labels.append(said)
    planted["damaged_line"] = [f"line {len(labels) + 1}"]
    return planted


def _save_labels(path: Path, labels: Sequence[Labels]) -> None:
    """JSON Lines in spite of the name; the last line is cut off."""
    lines = [json.dumps(line) for line in labels]
    path.write_text("\n".join([*lines, lines[0][:40]]) + "\n", encoding="utf-8")
