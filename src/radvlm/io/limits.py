"""Bounds on image files, checked before memory is taken, and the one way to 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radvlm.errors import ImageError
from radvlm.protocols import Pixels

MAX_PIXELS = 64_000_000
"""More than any detector has (a 43 × 43 cm plate at 100 µm is 18.5 million)."""

MAX_FILE_BYTES = 512 * 1024**2

_ROWS = 32


def check_file(path: Path) -> int:
    """The size of an existing, regular, non-empty file in bytes; ``ImageError`` otherwise."""
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except (OSError, ValueError) as error:
        raise ImageError("image file is missing", path, "Check the path") from error
    if not is_file:
        raise ImageError("is not a file", path, "Give the image itself")
    if size == 0:
        raise ImageError("image file is empty", path, "Fetch it again")
    if size > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 1024**2
        raise ImageError(f"image file is larger than {limit} MiB", path, "Check that it is one")
    return size


def check_size(path: Path, width: int, height: int) -> None:
    """``ImageError`` where a header announces no pixels, or more than ``MAX_PIXELS``."""
    if width < 1 or height < 1:
        raise ImageError("image has no pixels", path, "Export it again")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"image of {width} x {height} pixels is larger than {MAX_PIXELS / 1e6:.0f} million",
            path,
            "Export it smaller",
        )


def stretch(values: NDArray[Any]) -> Pixels:
    """Any numbers as uint8: the smallest becomes 0 and the largest 255, linear between.

    Sixteen-bit files often hold 10 to 15 bits, so the range is that of the data, not of the
    type. A constant image is black.
    """
    if values.dtype.kind in "iu" and values.ndim == 2:
        low, high = int(values.min()), int(values.max())
        return look_up(_linear(np.arange(low, high + 1)), values, low)
    return _linear(values)


def look_up(levels: Pixels, stored: NDArray[Any], low: int) -> Pixels:
    """The grey level of each stored value [height, width], those of ``low``, ``low`` + 1 … given.

    A few rows at a time: the indices of a whole radiograph are larger than a processor's cache, and
    several processes would wait for the same memory.
    """
    shown = np.empty(stored.shape, np.uint8)
    for top in range(0, len(stored), _ROWS):
        index = stored[top : top + _ROWS].astype(np.intp) - low
        np.take(levels, index, out=shown[top : top + _ROWS], mode="clip")
    return shown


def _linear(values: NDArray[Any]) -> Pixels:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.zeros(values.shape, np.uint8)
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.rint(scaled).astype(np.uint8)
