"""Smooth random fields that make tissue look like tissue."""

from __future__ import annotations

import numpy as np
from PIL import Image

from radvlm.sources.phantom.curves import Floats


def clouds(rng: np.random.Generator, shape: tuple[int, ...], cell: float) -> Floats:
    """A random field of mean 0 and deviation below 1, float32 [height, width].

    ``cell`` is the size of its features in pixels; the number of draws depends on it.
    """
    height, width = shape
    rows, columns = max(2, round(height / cell)), max(2, round(width / cell))
    coarse = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
    fine = coarse.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(fine, dtype=np.float32)
