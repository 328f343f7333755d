"""The blind condition: the same questions about another patient's radiographs.

What a model scores here it knows from the questions and the training data, not from the image.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from radvlm.errors import InputError
from radvlm.evaluate.statistics import patient_of
from radvlm.records import Example, View


def shuffled_images(examples: Sequence[Example], seed: int) -> dict[str, tuple[View, ...]]:
    """Views for each example id, always those of another (family, patient).

    Within a task every example's views are used once, unless one patient has more than half of
    its examples; what is then left over takes views of any other patient, of any task.

    Raises:
        InputError: all examples are of one patient.
    """
    if len({patient_of(example) for example in examples}) < 2:
        raise InputError("the blind condition needs examples of at least two patients")
    rng = random.Random(seed)
    by_task: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_task[example.task].append(example)
    shown: dict[str, tuple[View, ...]] = {}
    for task in sorted(by_task):
        for example, donor in _deranged(by_task[task], rng):
            if patient_of(donor) == patient_of(example):
                donor = _stranger(example, examples, rng)
            shown[example.id] = donor.views
    return shown


def _deranged(examples: Sequence[Example], rng: random.Random) -> list[tuple[Example, Example]]:
    """(example, donor) pairs: patients side by side, shifted by the size of the largest."""
    by_patient: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda e: e.id):
        by_patient[patient_of(example)].append(example)
    patients = list(by_patient.values())
    rng.shuffle(patients)
    row = [example for patient in patients for example in patient]
    shift = max(len(patient) for patient in patients)
    return [(example, row[(i + shift) % len(row)]) for i, example in enumerate(row)]


def _stranger(example: Example, examples: Sequence[Example], rng: random.Random) -> Example:
    own = patient_of(example)
    return rng.choice([other for other in examples if patient_of(other) != own])
