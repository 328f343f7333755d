"""A share of the mixture: of every task of every source, the same whatever the order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from families import examples

from radvlm.records import Example
from radvlm.train.selecting import subset


@pytest.fixture
def mixture(tmp_path: Path) -> list[Example]:
    """40 of a, 12 of b and 2 of c; two sources of a."""
    one = examples(tmp_path, 1)[0]
    kinds = [("a", "x")] * 20 + [("a", "y")] * 20 + [("b", "x")] * 12 + [("c", "x")] * 2
    return [replace(one, id=f"e{k}", task=t, source=s) for k, (t, s) in enumerate(kinds)]


def test_every_stratum_keeps_its_share_and_at_least_one(mixture: list[Example]) -> None:
    kept = subset(mixture, 0.25, seed=0)
    counts = Counter((e.task, e.source) for e in kept)
    assert counts == {("a", "x"): 5, ("a", "y"): 5, ("b", "x"): 3, ("c", "x"): 1}
    assert [e.id for e in kept] == [e.id for e in mixture if e in kept]


def test_the_draw_depends_on_the_seed_and_not_on_the_order(mixture: list[Example]) -> None:
    kept = {e.id for e in subset(mixture, 0.25, seed=0)}
    assert {e.id for e in subset(mixture[::-1], 0.25, seed=0)} == kept
    assert {e.id for e in subset(mixture, 0.25, seed=1)} != kept
    assert kept < {e.id for e in subset(mixture, 0.5, seed=0)}
    assert subset(mixture, 1.0, seed=0) == mixture
