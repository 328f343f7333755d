"""Regions and measures against what is drawn, and how little a region's mean box says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from phantom_cases import placed, rectangle

from radvlm.boxes import iou, mean_box
from radvlm.protocols import Pixels
from radvlm.records import Box
from radvlm.sources.phantom.chest import draw_background, lung_field
from radvlm.sources.phantom.factors import Factors, Sex, Streams, ViewPosition
from radvlm.sources.phantom.regions import regions
from radvlm.sources.phantom.simulate import simulate
from radvlm.vocabulary import REGIONS_29

SEEDS = range(12)


def some_factors(seed: int) -> Factors:
    """Sex, age, projection and heart as a cohort mixes them."""
    rng = np.random.default_rng(seed)
    sex: Sex = "F" if rng.random() < 0.5 else "M"
    age = float(rng.uniform(3, 17) if rng.random() < 0.12 else rng.uniform(18, 92))
    findings = frozenset({"Cardiomegaly"} if rng.random() < 0.25 else set())
    projection: ViewPosition = "AP" if rng.random() < 0.35 else "PA"
    return Factors(projection=projection, sex=sex, age=age, findings=findings)


def brightness(pixels: Pixels, box: Box) -> float:
    """Median grey level of the middle of a box."""
    rows, columns = rectangle(box, pixels.shape)
    part = pixels[rows, columns]
    h, w = part.shape
    return float(np.median(part[h // 3 : h - h // 3, w // 3 : w - w // 3]))


@pytest.mark.parametrize("seed", SEEDS)
def test_air_is_dark_and_the_middle_bright(seed: int) -> None:
    pixels, truth = simulate(seed, some_factors(seed))
    lungs = [
        brightness(pixels, truth.regions[f"{side} upper lung zone"]) for side in ("right", "left")
    ]
    bright = [brightness(pixels, truth.regions[n]) for n in ("spine", "cardiac silhouette")]
    assert max(lungs) + 40 < min(bright)


@pytest.mark.parametrize("seed", SEEDS)
def test_lung_boxes_are_the_extent_of_the_drawn_lungs(seed: int) -> None:
    factors = some_factors(seed)
    anatomy, camera = placed(seed, factors)
    grid = camera.grid()
    field = lung_field(anatomy, grid) > 0.5
    boxes = regions(anatomy, camera)
    for name, half in (("right lung", grid.u < 0), ("left lung", grid.u > 0)):
        assert_extent(field & half, boxes[name], camera.field)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_heart_s_box_is_the_extent_of_the_drawn_heart(seed: int) -> None:
    """What a heart of no size would leave as air, and the real one does not."""
    factors = some_factors(seed)
    anatomy, camera = placed(seed, factors)
    u, v = (camera.grid().u - anatomy.heart.u), (camera.grid().v - anatomy.heart.v)
    heart = anatomy.heart
    along = u * np.cos(heart.tilt) + v * np.sin(heart.tilt)
    across = v * np.cos(heart.tilt) - u * np.sin(heart.tilt)
    mask = (along / heart.long) ** 2 + (across / heart.short) ** 2 < 1
    assert_extent(mask, regions(anatomy, camera)["cardiac silhouette"], camera.field)
    layers = draw_background(anatomy, camera, Streams.of(seed))
    lung = lung_field(anatomy, layers.grid) > 0.99
    assert layers.air[mask & lung].mean() < 0.35 * layers.air[~mask & lung].mean()


def assert_extent(
    mask: np.typing.NDArray[np.bool_], box: Box, field: tuple[float, float, float, float]
) -> None:
    """The box is that of the mask inside the field, to two pixels and a half (corners are soft)."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    cut = np.clip(seen / (width, height, width, height), (*field[:2],) * 2, (*field[2:],) * 2)
    off = np.abs(np.array([box.x1, box.y1, box.x2, box.y2]) - cut) * (width, height, width, height)
    assert off.max() <= 2.5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_parts_of_the_chest_lie_where_they_belong(seed: int) -> None:
    _, truth = simulate(seed, Factors(size=64))
    r = truth.regions
    middle = {name: ((b.x1 + b.x2) / 2, (b.y1 + b.y2) / 2) for name, b in r.items()}
    for part in ("lung", "hilar structures", "clavicle", "costophrenic angle", "hemidiaphragm"):
        assert middle[f"right {part}"][0] < middle["spine"][0] < middle[f"left {part}"][0]
    assert middle["right atrium"][0] < middle["cardiac silhouette"][0]
    levels = ["trachea", "carina", "cardiac silhouette", "abdomen"]
    assert sorted(levels, key=lambda n: middle[n][1]) == levels
    for side in ("right", "left"):
        order = [f"{side} {zone}" for zone in ("apical zone", "mid lung zone", "hemidiaphragm")]
        assert sorted(order, key=lambda n: middle[n][1]) == order


@pytest.mark.parametrize("enlarged", [False, True])
def test_the_cardiothoracic_ratio_tells_cardiomegaly_in_pa_views(enlarged: bool) -> None:
    findings = frozenset({"Cardiomegaly"} if enlarged else set())
    for seed in range(60):
        factors = Factors(findings=findings, sex="F" if seed % 2 else "M", age=5 + seed)
        anatomy, _ = placed(seed, factors)
        heart = anatomy.heart.contour(2000)[:, 0]
        assert np.ptp(heart) / (2 * anatomy.lateral.max()) == pytest.approx(
            anatomy.cardiothoracic_ratio, abs=1e-3
        )
        assert (anatomy.cardiothoracic_ratio > 0.5) is enlarged


def test_all_regions_are_given_and_none_is_tiny() -> None:
    seen = [regions(*placed(seed, some_factors(seed))) for seed in range(100)]
    for name in REGIONS_29:
        boxes = [r[name] for r in seen if name in r]
        assert len(boxes) >= 85, name
        assert np.median([min(b.x2 - b.x1, b.y2 - b.y1) for b in boxes]) >= 0.06, name


def test_a_region_outside_the_field_is_left_out() -> None:
    anatomy, camera = placed(0, Factors())
    narrow = replace(camera, field=(0.0, 0.0, 1.0, 0.5))
    assert "abdomen" in regions(anatomy, camera)
    cut = regions(anatomy, narrow)
    assert "abdomen" not in cut and all(box.y2 <= 0.5 for box in cut.values())


def test_the_mean_box_of_a_region_is_a_poor_answer() -> None:
    found: list[Mapping[str, Box]] = [
        regions(*placed(seed, some_factors(seed))) for seed in range(600)
    ]
    train, test = found[:400], found[400:]
    hits = []
    for name in REGIONS_29:
        mean = mean_box([r[name] for r in train if name in r])
        hits.append(np.mean([iou(mean, r[name]) >= 0.5 for r in test if name in r]))
    assert 0.2 <= np.mean(hits) <= 0.35
