"""Which images a checkpoint takes for its own: simulated ones, spoiled in every plain way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radvlm.errors import CheckpointError
from radvlm.models import domain
from radvlm.models.domain import Domain, describe, fit, read_domain, write_domain
from radvlm.protocols import Pixels
from radvlm.sources.phantom.factors import Factors
from radvlm.sources.phantom.simulate import simulate


@pytest.fixture(scope="module")
def images() -> list[Pixels]:
    return [simulate(seed, Factors())[0] for seed in range(90)]


@pytest.fixture(scope="module")
def known(images: list[Pixels]) -> Domain:
    found = fit([describe(pixels) for pixels in images[:70]])
    assert found is not None
    return found


def spoiled(pixels: Pixels) -> dict[str, Pixels]:
    rng = np.random.default_rng(0)
    return {
        "inverted": 255 - pixels,
        "turned": np.rot90(pixels).copy(),
        "noise": rng.integers(0, 256, pixels.shape).astype(np.uint8),
        "blank": np.full_like(pixels, 128),
        "a corner": pixels[: len(pixels) // 3, : pixels.shape[1] // 3].copy(),
    }


def test_new_images_of_the_kind_are_accepted(images: list[Pixels], known: Domain) -> None:
    # With seventy known ones a few of twenty still lie outside.
    assert sum(known.accepts(pixels) for pixels in images[70:]) >= 17


@pytest.mark.parametrize("kind", ["inverted", "turned", "noise", "blank", "a corner"])
def test_spoiled_ones_are_not(images: list[Pixels], known: Domain, kind: str) -> None:
    assert sum(known.accepts(spoiled(pixels)[kind]) for pixels in images[70:]) <= 1


def test_size_and_exposure_do_not_matter(images: list[Pixels], known: Domain) -> None:
    small = images[70][::2, ::2].copy()
    dim = (images[70] * 0.6 + 20).astype(np.uint8)
    assert known.accepts(small) and known.accepts(dim)


def test_it_comes_back_from_disk(images: list[Pixels], tmp_path: Path) -> None:
    made = write_domain(images[:60], tmp_path)
    assert made is not None and read_domain(tmp_path) == made
    (tmp_path / domain.FILE).write_text("{}")
    with pytest.raises(CheckpointError, match="remove it"):
        read_domain(tmp_path)


def test_too_few_images_say_nothing(images: list[Pixels], tmp_path: Path) -> None:
    assert write_domain(images[:49], tmp_path) is None
    assert read_domain(tmp_path) is None
