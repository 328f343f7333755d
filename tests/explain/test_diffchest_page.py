"""The page of the proofs is what its results file says, and bars are judged by their figures."""

from __future__ import annotations

import pytest
from benchmarks.diffchest_bars import _least, _most
from benchmarks.diffchest_page import PAGE, page
from benchmarks.results_file import RESULTS

from radvlm.io.files import read_json


def test_the_page_is_made_of_the_results() -> None:
    path = RESULTS / "diffchest.json"
    if not path.exists():
        pytest.skip("not measured yet")
    assert PAGE.read_text(encoding="utf-8") == page(read_json(path))


def test_a_bar_is_held_or_not() -> None:
    share = {"value": 0.9, "interval": [0.8, 0.95]}
    assert _least("a", 0.9, share)[3] and not _least("a", 0.91, share)[3]
    assert _most("a", 0.1, 0.1)[3] and not _most("a", 0.1, share)[3]
    assert _least("a", 0.9, share)[2] == "0.90 [0.80, 0.95]"
