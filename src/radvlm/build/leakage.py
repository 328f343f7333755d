"""Patients do not cross splits. The leak key is (family, patient), else (family, view)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from radvlm.errors import LeakageError
from radvlm.records import Split, Study


def leak_keys(study: Study) -> Iterator[tuple[str, str]]:
    """Whose data this is: one key for a known patient, else one a view."""
    if study.patient is not None:
        yield study.family, f"patient:{study.patient}"
    else:
        yield from ((study.family, f"view:{view.id}") for view in study.views)


def assert_no_leak(studies: Iterable[Study]) -> dict[Split, int]:
    """Patients (or views of unknown patients) in each split.

    Raises:
        LeakageError: one of them is in two splits; the message names the study, not the patient.
    """
    split_of: dict[tuple[str, str], Split] = {}
    for study in studies:
        if study.split is None:
            continue
        for key in leak_keys(study):
            if split_of.setdefault(key, study.split) != study.split:
                raise LeakageError(
                    f"a patient is in both {split_of[key]} and {study.split}",
                    f"{study.family} study {study.id}",
                    "Split by patient, one map for everything derived from the same family",
                )
    counts: dict[Split, int] = {"train": 0, "validate": 0, "test": 0}
    for split in split_of.values():
        counts[split] += 1
    return counts
