"""The simulated reports as MIMIC-CXR 2.x has them: one text a study, and the list of studies.

Every line begins with a space; the third report has no findings section, the fourth neither
findings nor impression, the fifth an addendum on top and CRLF. Rows of patients from p900000 on are
traps.
"""

from __future__ import annotations

import gzip
import textwrap
from pathlib import Path

from radvlm.io.files import atomic_folder
from radvlm.io.tables import read_studies
from radvlm.records import Study
from radvlm.sources.phantom.releases.ids import mimic_folder, mimic_study, mimic_subject

TRAPS = {
    "missing_report": b"",
    "escaping_path": b" FINDINGS: not to be found under this path.",
    "says_nothing": b" FINAL REPORT\n INDICATION: Cough.\n COMPARISON: None.\n",
    "not_text": b" FINAL REPORT\n FINDINGS: \xff\xfe\n",
}
"""Each is the report of a patient of its own; the first has none."""

_RULE = "_" * 30


def write(cohort: Path, out: Path) -> dict[str, list[str]]:
    """Write the release into ``out``; returns what was planted, trap → study ids.

    Raises:
        OutputError: ``out`` is not empty or cannot be written.
    """
    studies = list(read_studies(cohort / "studies.parquet"))
    planted: dict[str, list[str]] = {}
    lines = ["subject_id,study_id,path"]
    with atomic_folder(out) as aside:
        for number, study in enumerate(studies):
            path = f"{mimic_folder(study.id)}.txt"
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            trap, text = _report(study, number)
            (aside / path).write_bytes(text.encode())
            lines.append(f"{mimic_subject(study.id)},{mimic_study(study.id)},{path}")
            if trap:
                planted[trap] = [mimic_study(study.id)]
        for number, (trap, content) in enumerate(TRAPS.items()):
            name = f"p{900_000 + number}s1"
            path = f"{mimic_folder(name)}.txt"
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            if content:
                (aside / path).write_bytes(content)
            told = "../outside.txt" if trap == "escaping_path" else path
            lines.append(f"{mimic_subject(name)},{mimic_study(name)},{told}")
            planted[trap] = [f"s{mimic_study(name)}"]
        lines.append(lines[1])
        planted["duplicated_row"] = [f"s{mimic_study(studies[0].id)}"]
        table = "\n".join(lines) + "\n"
        (aside / "cxr-study-list.csv.gz").write_bytes(gzip.compress(table.encode(), mtime=0))
    return planted


def _report(study: Study, number: int) -> tuple[str, str]:
    """The trap it is, if any, and the text."""
    findings, impression = study.texts["findings"], study.texts["impression"]
    head = [_line("FINAL REPORT", 33), _section("EXAMINATION", "CHEST (PA AND LAT)")]
    both = [_section("FINDINGS", findings), _section("IMPRESSION", impression)]
    if number == 2:
        return "no_findings", "\n".join([*head, both[1]])
    if number == 3:
        bare = [_section("INDICATION", "___ year old with cough"), _line(""), _body(findings)]
        return "last_paragraph", "\n".join([*head, *bare])
    if number == 4:
        addendum = [_line("ADDENDUM"), _body("Discussed by telephone."), _RULE]
        return "addendum", "\n".join([*addendum, *head, *both]).replace("\n", "\r\n")
    return "", "\n".join([*head, *both])


def _line(text: str, indent: int = 1) -> str:
    return " " * indent + text


def _section(name: str, text: str) -> str:
    if name in ("FINDINGS", "IMPRESSION"):
        return f"\n {name}:\n \n{_body(text)}\n"
    return f"\n {name}:  {text}\n"


def _body(text: str) -> str:
    return textwrap.fill(text, 78, initial_indent=" ", subsequent_indent=" ")
