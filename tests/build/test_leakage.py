from __future__ import annotations

import dataclasses

import pytest
from build_cases import study

from radvlm.build.leakage import assert_no_leak, leak_keys, settle
from radvlm.errors import LeakageError

BOTH = [study(1, "7", "train"), study(2, "7", "test", sources=("b",)), study(3, "7", None)]


def test_a_patient_in_two_splits_fails_and_the_sources_are_named() -> None:
    with pytest.raises(LeakageError) as caught:
        settle(BOTH, "fail")
    said = str(caught.value)
    assert "patient 7" in said and "1 from a" in said and "2 from b" in said


def test_a_private_patient_is_not_named() -> None:
    private = [dataclasses.replace(s, access="private", patient="Jane") for s in BOTH]
    with pytest.raises(LeakageError) as caught:
        settle(private, "fail")
    assert "Jane" not in str(caught.value)


def test_drop_keeps_the_test_set_and_report_keeps_both() -> None:
    dropped = settle(BOTH, "drop")
    assert [s.id for s in dropped.kept] == ["2", "3"] and [s.id for s in dropped.lost] == ["1"]
    reported = settle(BOTH, "report")
    assert list(reported.kept) == BOTH and reported.overlap == {"train", "test"}


def test_without_a_patient_the_view_is_the_leak_key() -> None:
    keys = [(key, "train") for key in leak_keys(study(1, None, "train"))]
    twin = dataclasses.replace(study(2, None, "test"), views=study(1, None, "test").views)
    assert_no_leak(keys)  # type: ignore[arg-type]
    with pytest.raises(LeakageError):
        assert_no_leak([*keys, *((key, "test") for key in leak_keys(twin))])  # type: ignore[list-item]
