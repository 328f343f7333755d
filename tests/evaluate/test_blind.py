from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_evaluation import fake_examples
from radvlm.errors import InputError
from radvlm.evaluate.blind import shuffled_images
from radvlm.evaluate.statistics import patient_of
from radvlm.records import Example

patients = st.lists(st.integers(0, 4), min_size=2, max_size=12).filter(lambda p: len(set(p)) > 1)


def examples_of(patients: list[int]) -> list[Example]:
    first = fake_examples(len(patients))[::2]
    return [dataclasses.replace(e, patient=str(p)) for e, p in zip(first, patients, strict=True)]


@given(patients=patients, seed=st.integers(0, 50))
def test_nobody_is_shown_their_own_images(patients: list[int], seed: int) -> None:
    examples = examples_of(patients)
    owner = {example.views: patient_of(example) for example in examples}
    shown = shuffled_images(examples, seed)
    assert shown.keys() == {example.id for example in examples}
    assert all(owner[shown[example.id]] != patient_of(example) for example in examples)
    if 2 * max(Counter(patients).values()) <= len(patients):
        assert Counter(shown.values()) == Counter(example.views for example in examples)


def test_images_stay_within_the_task_and_follow_the_seed() -> None:
    examples = [
        dataclasses.replace(e, views=(dataclasses.replace(e.views[0], id=e.id),))
        for e in fake_examples(8)
    ]
    shown = shuffled_images(examples, 1)
    assert all(shown[e.id][0].id.startswith(e.task) for e in examples)
    assert shown == shuffled_images(examples[::-1], 1) != shuffled_images(examples, 2)


def test_one_patient_cannot_be_blind() -> None:
    with pytest.raises(InputError, match="two patients"):
        shuffled_images(examples_of([0, 0]), 0)
