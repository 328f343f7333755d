"""The same radiograph under another name: hashes that outlive what a re-hosting does to a picture.

In: pixels as ``io.image`` reads them. Out: three hashes of 256 bits, and pairs of pictures any of
whose hashes differ in few bits. Resizing, recompression, another window or gamma, squeezing into a
square, black margins, inversion and a crop of a few per cent leave one of them nearly as it was; a
larger crop and a turn by a right angle do not.

A hash holds the signs of the 256 lowest frequencies (discrete cosine transform, as in Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010) of the picture averaged
to 64 × 64 and replaced by its ranks, which no monotonic window changes. All is counted in
integers, so it is the same on every machine. ``docs/mixtures.md`` has the measured figures.

The search finds every pair within a distance: of 11 blocks of a hash, one differs in no more than
an eleventh of the bits (pigeonhole), so only pictures that agree in a block up to so many bits are
compared (multi-index hashing; Norouzi, Punjani and Fleet 2012).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radvlm.errors import ImageError, InputError
from radvlm.protocols import Pixels

BITS = 256
DISTANCE = 28
"""Bits in which two pictures may differ and still be the same, unless told."""

BLOCKS = 11
MAX_DISTANCE = 3 * BLOCKS - 1
"""A block then differs in at most two bits; with three the search would take minutes."""

Hashes = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

VARIANTS = 3
"""Hashes of one picture: whole, without dark margins, and of that without a rim."""

_CELLS = 64
_DARK, _LIT = 16, 0.02
"""A row with no more than this share of pixels above this grey level belongs to the margin."""

_RIM = 0.02
"""Of width and height, at each side: a picture cropped by about as much is another's centre."""

_ONE_LEVEL = 0.9
_AT_A_TIME = 1 << 20
"""Look-ups, and candidates, that are held in memory together."""


def picture_hashes(pixels: Pixels) -> Hashes:
    """Hashes uint8 [3, 32]: of the picture, of it without dark margins, and of that without a rim.

    Margins stay where there is hardly anything else.

    Args:
        pixels: uint8 [height, width], bone bright.

    Raises:
        ImageError: nine tenths of the picture have one grey level; such pictures are all alike.
    """
    height, width = pixels.shape
    whole: Box = (0, 0, width, height)
    lit = _lit(pixels) or whole
    x, y = _RIM * (lit[2] - lit[0]), _RIM * (lit[3] - lit[1])
    centre = (lit[0] + x, lit[1] + y, lit[2] - x, lit[3] - y)
    image = Image.fromarray(pixels).convert("F")
    found = _hash(image, whole)
    if found is None:
        raise ImageError("image is of one grey level, so copies of it cannot be told")
    parts = (_hash(image, box) for box in (lit, centre))
    return np.stack([found, *(found if part is None else part for part in parts)])


def same_pictures(first: Hashes, second: Hashes, distance: int) -> NDArray[np.int64]:
    """Which of the first pictures are which of the second, the grey levels of one maybe inverted.

    Args:
        first: hashes uint8 [n, 3, 32].
        second: the same of others, [m, 3, 32]; the fewer.
        distance: bits in which hashes may differ, 0 … ``MAX_DISTANCE``.

    Returns:
        int64 [pairs, 3]: the number of the first picture, of the second, and the least distance of
        any of their hashes; sorted, each pair once.

    Raises:
        InputError: the distance is out of range.
    """
    shelf, of_first = _distinct(first)
    asked, of_second = _distinct(second)
    both_ways, of_both = np.concatenate([asked, ~asked]), np.tile(of_second, 2)
    found = [
        np.column_stack((of_first[i], of_both[j], bits))
        for i, j, bits in _near(shelf, both_ways, distance)
    ]
    pairs = np.concatenate(found) if found else np.empty((0, 3), np.int64)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    new = np.ones(len(pairs), bool)
    new[1:] = (pairs[1:, :2] != pairs[:-1, :2]).any(axis=1)
    return pairs[new]


def _lit(pixels: Pixels) -> Box | None:
    """The part without dark margins; none where it is less than half as wide or as high."""
    bright = pixels > _DARK
    rows, columns = (np.flatnonzero(bright.mean(axis=axis) > _LIT) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return None
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    if 2 * (right - left) < pixels.shape[1] or 2 * (bottom - top) < pixels.shape[0]:
        return None
    return int(left), int(top), int(right), int(bottom)


def _hash(image: Image.Image, box: Box) -> Hashes | None:
    """The hash uint8 [32] of a part of the picture; none where that is of one grey level."""
    cells = np.asarray(image.resize((_CELLS, _CELLS), Image.Resampling.BOX, box=box))
    _, level, count = np.unique(cells, return_inverse=True, return_counts=True)
    if count.max() > _ONE_LEVEL * cells.size:
        return None
    last = np.cumsum(count)
    ranks = (2 * last - count - cells.size)[level].reshape(cells.shape)
    spectrum = _COSINES @ ranks @ _COSINES.T
    return np.packbits(spectrum[_ROWS, _COLUMNS] > 0)


def _cosines() -> NDArray[np.int64]:
    """The first rows of the discrete cosine transform, in 1024ths."""
    at = 2 * np.arange(_CELLS) + 1
    waves: NDArray[np.float64] = np.cos(np.pi * np.arange(BITS)[:, None] * at / (2 * _CELLS))
    scaled: NDArray[np.int64] = np.rint(1024 * waves).astype(np.int64)
    return scaled


def _lowest() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the lowest frequencies but the mean, by their distance from it."""
    row, column = (np.arange(_CELLS * _CELLS) // _CELLS, np.arange(_CELLS * _CELLS) % _CELLS)
    order = np.argsort(row**2 + column**2, kind="stable")[1 : BITS + 1]
    return row[order], column[order]


_ROWS, _COLUMNS = _lowest()
_COSINES = _cosines()[: max(_ROWS.max(), _COLUMNS.max()) + 1]


def _distinct(hashes: Hashes) -> tuple[Hashes, NDArray[np.int64]]:
    """Every hash [k, 32] that differs from its picture's first, and its picture's number."""
    own = (hashes != hashes[:, :1]).any(axis=2)
    own[:, 0] = True
    return hashes[own], np.nonzero(own)[0]


def _near(
    shelf: Hashes, asked: Hashes, distance: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """(rows of the shelf, rows asked, bits that differ) up to the distance; pairs may recur."""
    if not 0 <= distance <= MAX_DISTANCE:
        raise InputError(f"distance {distance} is not within 0 … {MAX_DISTANCE}", "distance")
    words, questions = (np.ascontiguousarray(h).view(np.uint64) for h in (shelf, asked))
    for block in range(BLOCKS):
        values = _block(shelf, block)
        order = np.argsort(values, kind="stable").astype(np.int32)
        width = len(range(block, BITS, BLOCKS))
        levels, starts, counts = np.unique(values[order], return_index=True, return_counts=True)
        # One byte each is looked up several times as fast as the numbers.
        there, place = np.zeros(1 << width, bool), np.empty(1 << width, np.int32)
        there[levels], place[levels] = True, np.arange(len(levels))
        flips = _flips(width, distance // BLOCKS)
        wanted = _block(asked, block)
        step = max(1, _AT_A_TIME // len(flips))
        for begin in range(0, len(asked), step):
            looked = (wanted[begin : begin + step, None] ^ flips).ravel()
            hits = np.flatnonzero(there.take(looked))
            at = place.take(looked.take(hits))
            for i, j in _expanded(starts.take(at), counts.take(at), hits // len(flips) + begin):
                rows = order.take(i)
                apart = words.take(rows, axis=0) ^ questions.take(j, axis=0)
                differ = np.bitwise_count(apart).sum(axis=1, dtype=np.int64)
                near = differ <= distance
                yield rows[near].astype(np.int64), j[near], differ[near]


def _block(hashes: Hashes, block: int) -> NDArray[np.int32]:
    """Every eleventh bit as a number, so that each block has low and high frequencies."""
    chosen = np.arange(block, BITS, BLOCKS)
    values = np.zeros(len(hashes), np.int32)
    for place, bit in enumerate(chosen):
        values |= (hashes[:, bit // 8] >> (7 - bit % 8) & 1).astype(np.int32) << place
    return values


def _flips(width: int, radius: int) -> NDArray[np.int32]:
    """All numbers of so many bits of which no more than ``radius`` are set."""
    sets = (bits for size in range(radius + 1) for bits in combinations(range(width), size))
    return np.array([sum(1 << bit for bit in bits) for bits in sets], np.int32)


def _expanded(
    starts: NDArray[np.int64], counts: NDArray[np.int64], owners: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The ``counts`` numbers from each start on, with their owner; a bounded number at a time."""
    sums = np.cumsum(counts)
    cuts = np.flatnonzero(np.diff(sums // _AT_A_TIME)) + 1
    for part in np.split(np.arange(len(counts)), cuts):
        size = counts[part]
        before = np.cumsum(size) - size
        numbers = np.arange(size.sum()) + np.repeat(starts[part] - before, size)
        yield numbers, owners[part].repeat(size)
