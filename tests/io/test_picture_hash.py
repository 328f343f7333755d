from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radvlm.errors import ImageError, InputError
from radvlm.io.picture_hash import (
    BITS,
    DISTANCE,
    MAX_DISTANCE,
    VARIANTS,
    Hashes,
    picture_hashes,
    same_pictures,
)
from radvlm.protocols import Pixels
from radvlm.sources.phantom.plan import PhantomConfig, plan
from radvlm.sources.phantom.study import draw


@cache
def pictures() -> list[Pixels]:
    config = PhantomConfig(patients=12, size=192, seed=3)
    return [pixels for one in plan(config) for pixels in draw(config, one)[1].values()]


def bits(hashes: Hashes) -> NDArray[np.uint8]:
    return np.unpackbits(hashes, axis=-1)


def jpeg(pixels: Pixels) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=40)
    return np.asarray(Image.open(stream))


def resized(width: float, height: float) -> Callable[[Pixels], Pixels]:
    def change(pixels: Pixels) -> Pixels:
        size = round(pixels.shape[1] * width), round(pixels.shape[0] * height)
        return np.asarray(Image.fromarray(pixels).resize(size))

    return change


def windowed(pixels: Pixels) -> Pixels:
    low, high = np.percentile(pixels, [3, 97])
    scaled = (pixels.astype(np.float64) - low) * 255 / (high - low)
    shown: Pixels = scaled.clip(0, 255).astype(np.uint8)
    return shown


@pytest.mark.parametrize(
    "change", [jpeg, resized(0.5, 0.5), resized(1.7, 1.7), resized(1.5, 1), windowed]
)
def test_what_a_re_hosting_does_changes_few_bits(change: Callable[[Pixels], Pixels]) -> None:
    for pixels in pictures():
        differ = (bits(picture_hashes(pixels)) != bits(picture_hashes(change(pixels)))).sum(axis=1)
        assert differ[0] <= DISTANCE, differ


def test_other_pictures_differ_in_more_bits_than_any_search_allows() -> None:
    whole = bits(np.stack([picture_hashes(pixels)[0] for pixels in pictures()]))
    differ = (whole[:, None] != whole[None]).sum(axis=2)
    assert differ[~np.eye(len(whole), dtype=bool)].min() > MAX_DISTANCE


def test_grey_levels_count_by_their_order_alone() -> None:
    pixels = pictures()[0] // 4
    darker = (pixels.astype(np.int64) * 3 + 10).astype(np.uint8)
    assert (picture_hashes(darker)[0] == picture_hashes(pixels)[0]).all()
    inverted = picture_hashes(255 - pixels)[0]
    assert (bits(inverted) != bits(picture_hashes(pixels)[0])).all()


def test_black_margins_leave_the_second_hash() -> None:
    pixels = pictures()[0]
    lit = np.maximum(pixels, 40)
    wide = np.pad(lit, ((30, 10), (0, 50)))
    assert (picture_hashes(wide)[1] == picture_hashes(lit)[0]).all()
    assert (bits(picture_hashes(wide)[0]) != bits(picture_hashes(lit)[0])).sum() > DISTANCE
    almost_nothing = np.pad(lit, 120)
    assert (picture_hashes(almost_nothing)[0] == picture_hashes(almost_nothing)[1]).all()


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (700, 300)])
def test_a_blank_picture_has_no_hash(shape: tuple[int, int]) -> None:
    for level in (0, 90, 255):
        with pytest.raises(ImageError, match="one grey level"):
            picture_hashes(np.full(shape, level, np.uint8))


def made(rng: np.random.Generator, count: int) -> Hashes:
    """Uneven bits, as real ones are, so that blocks collide; one picture in three has margins."""
    uneven = rng.choice([0.05, 0.5, 0.95], BITS)
    hashes = np.packbits(rng.random((count, VARIANTS, BITS)) < uneven, axis=2)
    plain = rng.random(count) < 2 / 3
    hashes[plain, 1] = hashes[plain, 0]
    return hashes


def flipped(rng: np.random.Generator, one: Hashes, count: int) -> Hashes:
    changed = bits(one)
    changed[rng.choice(BITS, count, replace=False)] ^= 1
    return np.packbits(changed)


def brute(first: Hashes, second: Hashes, distance: int) -> list[list[int]]:
    """By the definition: the least distance of any two hashes of the pictures, as is or turned."""
    a, b = bits(first)[:, None, :, None], bits(second)[None, :, None, :]
    differ = (a != b).sum(axis=4)
    least = np.minimum(differ, BITS - differ).min(axis=(2, 3))
    return [[i, j, int(least[i, j])] for i, j in np.argwhere(least <= distance).tolist()]


@pytest.mark.parametrize("distance", [0, 10, 11, 21, 22, DISTANCE, MAX_DISTANCE])
def test_the_search_finds_what_brute_force_finds(distance: int) -> None:
    rng = np.random.default_rng(distance)
    first, second = made(rng, 300), made(rng, 120)
    for number in range(60):
        near = flipped(rng, first[2 * number, number % 2], max(0, distance - 3 + number % 6))
        second[number, number % 3 % 2] = ~near if number % 5 == 0 else near
    found = same_pictures(first, second, distance).tolist()
    assert found == brute(first, second, distance)
    assert len(found) >= 30
    swapped = same_pictures(second, first, distance)
    assert sorted([i, j, n] for j, i, n in swapped.tolist()) == found


def test_thirty_thousand_pairs_of_equal_pictures_are_all_found() -> None:
    one = made(np.random.default_rng(0), 1)
    found = same_pictures(one.repeat(600, axis=0), one.repeat(50, axis=0), 0)
    assert len(found) == 600 * 50 and not found[:, 2].any()


def test_a_search_of_nothing_and_one_too_wide() -> None:
    some = made(np.random.default_rng(0), 3)
    assert (
        same_pictures(some[:0], some, 5).shape == same_pictures(some, some[:0], 5).shape == (0, 3)
    )
    with pytest.raises(InputError, match=f"0 … {MAX_DISTANCE}"):
        same_pictures(some, some, MAX_DISTANCE + 1)
