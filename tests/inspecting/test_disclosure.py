from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radvlm.inspecting.disclosure import Disclosure, quantile, spread

SAFE, OPEN = Disclosure(share_safe=True), Disclosure()
COUNTS = st.integers(0, 10**7)


@given(COUNTS)
def test_a_shared_count_is_within_five_of_the_truth_or_hidden(count: int) -> None:
    if 1 <= count <= 9:
        assert SAFE.text(count) == "<10"
    else:
        shown = int(SAFE.text(count).replace(",", ""))
        assert shown % 10 == 0 and abs(shown - count) <= 5
    assert OPEN.text(count) == f"{count:,}" and OPEN.value(count) == count


def test_all_hidden_counts_look_alike() -> None:
    assert len({(SAFE.text(n), SAFE.value(n)) for n in range(1, 10)}) == 1
    assert SAFE.text(0) == "0"


@given(st.integers(10, 10**6), st.integers(1, 9))
def test_no_hidden_count_comes_back_as_a_difference(others: int, hidden: int) -> None:
    """Whatever total and others are shown, several counts below ten fit between them."""

    def could_be(shown: int) -> set[int]:
        return {n for n in range(shown - 20, shown + 20) if n > 9 and SAFE.value(n) == shown}

    totals = could_be(SAFE.value(others + hidden))
    rest = could_be(SAFE.value(others))
    fitting = {total - other for total in totals for other in rest} & set(range(1, 10))
    assert hidden in fitting and len(fitting) >= 4


def test_rare_names_are_summed_and_nothing_is_lost() -> None:
    counts = {"PA": 200, "AP": 30, "swimmer's": 2, "oblique": 9}
    assert SAFE.pooled(counts) == {"PA": 200, "AP": 30, "others": 11}
    assert OPEN.pooled(counts) == counts


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=200),
    st.sampled_from([0.05, 0.5, 0.95, 0.99]),
)
def test_quantiles_are_numpy_s_of_nearest_rank(values: list[int], share: float) -> None:
    expected = np.quantile(np.array(values), share, method="inverted_cdf")
    assert quantile(Counter(values), share) == expected


def test_an_empty_distribution_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="without values"):
        quantile({}, 0.5)


def test_a_shared_spread_names_no_single_record() -> None:
    few, some, many = (Counter({3: n, 5: n, 777: 1}) for n in (3, 40, 400))
    assert spread(few, SAFE) == "fewer than 10 values"
    assert spread(some, SAFE) == "median 5"
    assert spread(many, SAFE) == "median 5, 5–95 %: 3–5"
    assert spread(many, OPEN) == "median 5, 5–95 %: 3–5, largest 777"
