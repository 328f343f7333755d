from __future__ import annotations

import dataclasses

import pytest
from build_cases import study

from radvlm.build.merge import merge
from radvlm.errors import RecordError
from radvlm.records import Box, Region, View


def test_what_two_sources_say_of_a_study_is_joined() -> None:
    region = Region("carina", "v1", Box(0.4, 0.3, 0.5, 0.4))
    a = study(1, "p", "train", texts={"findings": "Clear."})
    b = study(1, "p", None, sources=("b",), access="credentialed", regions=(region,), sex="F")
    (joined,) = merge([a], [b])
    assert joined.sources == ("a", "b") and joined.split == "train" and joined.sex == "F"
    assert joined.access == "credentialed"
    assert joined.texts == {"findings": "Clear."} and joined.regions == (region,)


def test_a_source_without_images_takes_the_view_from_the_other() -> None:
    bare = study(1, "p", None, sources=("b",), views=(View("v1", ""),))
    sized = study(1, "p", "train", views=(View("v1", "v1.png", "PA", 20, 30),))
    for order in ([bare], [sized]), ([sized], [bare]):
        (joined,) = merge(*order)
        assert joined.views == sized.views


def test_the_finer_projection_is_kept() -> None:
    said = [study(1, "p", None, views=(View("v1", "", one),)) for one in ("FRONTAL", "AP")]
    for order in (said, said[::-1]):
        (joined,) = merge(*([one] for one in order))
        assert joined.views[0].projection == "AP"


@pytest.mark.parametrize(
    "change",
    [
        {"texts": {"findings": "Effusion."}},
        {"sex": "M"},
        {"views": (View("v1", "v1.png", "AP"),)},
        {"views": (View("v1", "v1.png", "PA", 10, 10),)},
    ],
)
def test_a_contradiction_is_refused(change: dict[str, object]) -> None:
    views = (View("v1", "v1.png", "PA", 9, 9),)
    a = study(1, "p", "train", texts={"findings": "Clear."}, sex="F", views=views)
    with pytest.raises(RecordError, match="study 1"):
        list(merge([a], [dataclasses.replace(a, **change)]))  # type: ignore[arg-type]


def test_streams_are_merged_in_order_and_a_stream_out_of_order_is_refused() -> None:
    odd, even = [study(n, f"p{n}", "train") for n in (1, 3)], [study(2, "p2", "train")]
    assert [s.id for s in merge(odd, even)] == ["1", "2", "3"]
    with pytest.raises(RecordError, match="order"):
        list(merge(odd[::-1]))


def test_claims_of_two_splits_stay_apart_with_the_same_views() -> None:
    official = study(1, "p", "test", texts={"findings": "Clear."})
    other = study(1, "p", "train", sources=("b",), views=(View("v1", ""),), sex="F")
    silent = study(1, "p", None, sources=("c",), age=50.0)
    found = list(merge([official], [other], [silent]))
    assert [(s.split, s.sources) for s in found] == [("test", ("a", "c")), ("train", ("b",))]
    assert found[0].views == found[1].views == official.views
