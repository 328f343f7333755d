from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radvlm.metrics.radgraph_reward import Level, entity_relation, reward

LABELS = ["Anatomy::definitely present", "Observation::definitely absent"]
NAMES = ["located_at", "modify", "suggestive_of"]


def graph(*entities: tuple[str, str, list[list[str]]]) -> dict[str, Any]:
    return {
        "entities": {
            str(index): {"tokens": tokens, "label": label, "relations": relations}
            for index, (tokens, label, relations) in enumerate(entities, 1)
        }
    }


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(0, 6))
    targets = st.lists(
        st.tuples(st.sampled_from(NAMES), st.integers(1, max(count, 1)).map(str)).map(list),
        max_size=3,
    )
    words = st.sampled_from(["lung", "Lung", "effusion", "small", "Effusion"])
    entity = st.tuples(words, st.sampled_from(LABELS), targets)
    return graph(*draw(st.lists(entity, min_size=count, max_size=count)))


@pytest.mark.parametrize(
    ("level", "expected"),
    # Said: lung; effusion → lung. Wanted: lung; effusion without a relation; left.
    # Simple shares 2 of 2 and 3; partial and complete share the lung alone.
    [("simple", 4 / 5), ("partial", 2 / 5), ("complete", 2 / 5)],
)
def test_by_hand(level: Level, expected: float) -> None:
    said = graph(("lung", "a", []), ("effusion", "o", [["located_at", "1"]]))
    wanted = graph(("lung", "a", []), ("effusion", "o", []), ("left", "a", []))
    assert reward(said, wanted, level) == pytest.approx(expected)
    assert entity_relation(said, wanted) == pytest.approx(4 / 5 / 2)


@settings(max_examples=200)
@given(said=graphs(), wanted=graphs())
def test_equal_to_the_package(said: dict[str, Any], wanted: dict[str, Any]) -> None:
    from radgraph.rewards import compute_reward

    for level in get_args(Level):
        peer = compute_reward(said, wanted, level)
        assert reward(said, wanted, level) == pytest.approx(peer, abs=1e-12)


@given(said=graphs(), wanted=graphs())
def test_what_holds_for_every_level(said: dict[str, Any], wanted: dict[str, Any]) -> None:
    for level in get_args(Level):
        assert reward(said, wanted, level) == reward(wanted, said, level)
        assert reward(wanted, wanted, level) == (1 if wanted["entities"] else 0)
