"""How many re-hosted radiographs the search for copies finds, and how many it sees where none are.

    python -m benchmarks.copies_real [--images ../shared/data/real_cxr]

Changes every picture of a public collection as re-hosting does and looks for it among all; counts
pairs among pictures that are known to be distinct (thumbnails of 64 × 64 left out), and known twins
in other encodings. Times the search at the size of the paper's data set. Writes
``results/copies.json`` and the table of ``docs/mixtures.md``; skipped where the folder is absent.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.convert_speed import save_dicom
from benchmarks.copies_page import write_table
from radvlm.io.image import read_image
from radvlm.io.picture_hash import BITS, DISTANCE, VARIANTS, Hashes, picture_hashes, same_pictures
from radvlm.protocols import Pixels

THUMBNAILS = "64x64 thumbnails"
TRAINING, HELD_OUT, PLANTED = 500_000, 20_000, 1000
DOCUMENT = Path(__file__).parents[1] / "docs" / "mixtures.md"


def main() -> None:
    from benchmarks.results_file import write_result

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, default=Path("../shared/data/real_cxr"))
    images: Path = parser.parse_args().images
    if not (images / "manifest.csv").exists():
        print(f"copies_real: skipped, {images} holds no manifest.csv")
        return
    with (images / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if THUMBNAILS not in row["source"]]
    distinct = [row["file"] for row in rows if not row["dup_of"]]
    twins = {row["file"]: row["dup_of"] for row in rows if row["dup_of"]}
    hashes, changed = hash_all(images, distinct)
    figures: dict[str, Any] = {
        "distance": DISTANCE,
        "bits": BITS,
        "changes": {name: recall(hashes, after) for name, after in changed.items()},
        "twins": twins_found(images, twins, distinct, hashes),
        "distinct": false_pairs(hashes, distinct),
        "search": search_time(hashes),
    }
    path = write_result("copies", "python -m benchmarks.copies_real", len(hashes), figures)
    write_table(path, DOCUMENT)


def hash_all(folder: Path, names: list[str]) -> tuple[Hashes, dict[str, Hashes]]:
    """Hashes of the pictures, and of them after each change."""
    plain: list[Hashes] = []
    after: dict[str, list[Hashes]] = {name: [] for name in CHANGES}
    for name in names:
        pixels = read_image(folder / name)
        plain.append(picture_hashes(pixels))
        for change, function in CHANGES.items():
            after[change].append(picture_hashes(function(pixels)))
    return np.stack(plain), {name: np.stack(found) for name, found in after.items()}


def recall(hashes: Hashes, after: Hashes) -> dict[str, Any]:
    """How many changed pictures are found as themselves, and how far they have moved."""
    pairs = same_pictures(hashes, after, DISTANCE)
    own = pairs[pairs[:, 0] == pairs[:, 1]]
    bits = [np.unpackbits(some, axis=2) for some in (hashes, after)]
    differ = (bits[0][:, :, None] != bits[1][:, None]).sum(axis=3)
    moved = np.minimum(differ, BITS - differ).min(axis=(1, 2))
    return {
        "found": len(own),
        "of": len(hashes),
        "recall": round(len(own) / len(hashes), 4),
        "bits_median": float(np.median(moved)),
        "bits_99": float(np.percentile(moved, 99)),
    }


def twins_found(
    folder: Path, twins: Mapping[str, str], names: list[str], hashes: Hashes
) -> dict[str, Any]:
    missed = []
    for twin, original in twins.items():
        one = picture_hashes(read_image(folder / twin))[None]
        number = names.index(original)
        if not len(same_pictures(hashes[number : number + 1], one, DISTANCE)):
            missed.append(Path(twin).name)
    return {"found": len(twins) - len(missed), "of": len(twins), "missed": missed}


def false_pairs(hashes: Hashes, names: list[str]) -> dict[str, Any]:
    """Pairs of distinct pictures the search calls the same, and how near the nearest are."""
    pairs = same_pictures(hashes, hashes, DISTANCE)
    false = pairs[pairs[:, 0] < pairs[:, 1]]
    upper = np.sort(_least(hashes)[np.triu_indices(len(hashes), 1)])
    return {
        "pairs": len(upper),
        "false": len(false),
        "which": [[names[i], names[j], bits] for i, j, bits in false.tolist()],
        "nearest_bits": upper[:10].tolist(),
        "median_bits": float(np.median(upper)),
    }


def _least(hashes: Hashes) -> NDArray[np.float32]:
    """The distance of every two pictures: the least of any hashes of theirs, inverted or not."""
    # For numbers of ±1 the product counts the bits that agree minus those that do not.
    signs = 2 * np.unpackbits(hashes, axis=2).astype(np.float32) - 1
    least = np.full((len(hashes), len(hashes)), BITS, np.float32)
    for one, other in product(range(VARIANTS), repeat=2):
        agree = np.abs(signs[:, one] @ signs[:, other].T)
        np.minimum(least, (BITS - agree) / 2, out=least)
    return least


def search_time(hashes: Hashes) -> dict[str, Any]:
    """Seconds for the paper's size: bits and margins as frequent as real ones, copies planted."""
    rng = np.random.default_rng(0)
    often = np.unpackbits(hashes[:, 0], axis=1).mean(axis=0)
    margins = float((hashes[:, 0] != hashes[:, 1]).any(axis=1).mean())
    training, held_out = (_invented(rng, often, margins, n) for n in (TRAINING, HELD_OUT))
    copied = np.unpackbits(training[:PLANTED, 0], axis=1)
    for picture in copied:
        picture[rng.choice(BITS, DISTANCE, replace=False)] ^= 1
    held_out[:PLANTED, 0] = np.packbits(copied, axis=1)
    start = time.perf_counter()
    pairs = same_pictures(training, held_out, DISTANCE)
    return {
        "training": TRAINING,
        "held_out": HELD_OUT,
        "with_margins": round(margins, 3),
        "planted": PLANTED,
        "found": int((pairs[:, 0] == pairs[:, 1]).sum()),
        "seconds": round(time.perf_counter() - start, 1),
    }


def _invented(
    rng: np.random.Generator, often: NDArray[np.float64], margins: float, count: int
) -> Hashes:
    made = np.empty((count, VARIANTS, BITS // 8), np.uint8)
    for part in np.array_split(made, max(1, count // 10_000)):
        part[:] = np.packbits(rng.random((len(part), VARIANTS, BITS)) < often, axis=2)
        plain = rng.random(len(part)) >= margins
        part[plain, 1] = part[plain, 0]
    return made


def _scaled(factor: float) -> Callable[[Pixels], Pixels]:
    return lambda pixels: _resized(
        pixels, *(max(1, round(side * factor)) for side in pixels.shape[::-1])
    )


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def _jpeg(pixels: Pixels) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=40)
    return np.asarray(Image.open(stream))


def _windowed(pixels: Pixels) -> Pixels:
    low, high = np.percentile(pixels, [5, 95])
    shown = ((pixels - low) * (255 / max(1, high - low))).clip(0, 255)
    return np.asarray(shown, np.uint8)


def _gamma(pixels: Pixels) -> Pixels:
    return np.asarray(255 * (pixels / 255) ** 1.8, np.uint8)


def _monochrome1(pixels: Pixels) -> Pixels:
    """As ``io.image`` reads it back from a DICOM file that stores it inverted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inverted.dcm"
        save_dicom(pixels.astype(np.uint16) * 16, path, inverted=True)
        return read_image(path)


def _square(pixels: Pixels) -> Pixels:
    return _resized(pixels, 512, 512)


def _framed(pixels: Pixels) -> Pixels:
    height, width = pixels.shape
    return np.pad(pixels, ((height // 10, height // 10), (width // 20, width // 20)))


def _cropped(share: float) -> Callable[[Pixels], Pixels]:
    """So much less of the height and of the width, half of it at each side."""
    return lambda pixels: _cut(pixels, share / 2, 1 - share / 2)


def _cut(pixels: Pixels, begin: float, end: float) -> Pixels:
    """Rows and columns from one share of their number to another."""
    (top, bottom), (left, right) = ((round(n * begin), round(n * end)) for n in pixels.shape)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "half as large": _scaled(0.5),
    "a quarter as large": _scaled(0.25),
    "JPEG of quality 40": _jpeg,
    "another window (darkest and brightest 5 % cut)": _windowed,
    "of gamma 1.8": _gamma,
    "a MONOCHROME1 DICOM": _monochrome1,
    "inverted": lambda pixels: 255 - pixels,
    "squeezed into 512 × 512": _square,
    "in a black frame": _framed,
    "half as large, JPEG of quality 40, another window": lambda p: _jpeg(
        _windowed(_scaled(0.5)(p))
    ),
    "cropped by 1 %": _cropped(0.01),
    "cropped by 2 %": _cropped(0.02),
    "cropped by 3 %": _cropped(0.03),
    "cropped by 4 %": _cropped(0.04),
    "cropped by 6 %": _cropped(0.06),
    "cropped by 2 % at the left and the top alone": lambda pixels: _cut(pixels, 0.02, 1),
    "turned by a right angle": lambda pixels: np.ascontiguousarray(np.rot90(pixels)),
}
"""What the copy is → how it is made."""


if __name__ == "__main__":
    main()
