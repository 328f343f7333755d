"""Names that the simulated patients, studies and views have in the releases of each data set.

All are functions of the cohort's own names (``p00012``, ``p00012s2``, ``p00012s2v1``), so that the
releases derived from MIMIC-CXR agree with each other.
"""

from __future__ import annotations

import hashlib


def numbers(name: str) -> tuple[int, int, int]:
    """Patient, study and view number of a cohort's name; 0 where it has none."""
    patient, _, rest = name[1:].partition("s")
    study, _, view = rest.partition("v")
    return int(patient), int(study or 0), int(view or 0)


def mimic_subject(name: str) -> str:
    """Eight digits that start with 1."""
    return str(10_000_000 + numbers(name)[0])


def mimic_study(name: str) -> str:
    """Eight digits that start with 5."""
    patient, study, _ = numbers(name)
    return str(50_000_000 + 10 * patient + study)


def mimic_dicom(name: str) -> str:
    """Five groups of eight hexadecimal digits."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return "-".join(digits[at : at + 8] for at in range(0, 40, 8))


def mimic_folder(name: str) -> str:
    """The folder of a study below the root: ``files/p10/p10000012/s50000122``."""
    subject = mimic_subject(name)
    return f"files/p{subject[:2]}/p{subject}/s{mimic_study(name)}"
