"""Window and level: the stored values of a picture, and how they look through another window.

Windows are given in the units of a DICOM's own window, after the modality transform (PS3.3
C.11.1); where there is none, and of 16-bit PNG, these are the stored values. Pictures of 8 bits
have no window: what they were made of is gone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_windowing

from radvlm.errors import ImageError
from radvlm.io.limits import look_up
from radvlm.protocols import Pixels

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
_LARGEST = 1e7
"""Beyond any value of 16 bits and any rescaling a radiograph has."""


@dataclass(frozen=True, slots=True)
class Window:
    """Centre and width, width at least 1 (PS3.3 C.11.2.1.2).

    Raises:
        ImageError: they are no such numbers.
    """

    center: float
    width: float

    def __post_init__(self) -> None:
        known = math.isfinite(self.center) and math.isfinite(self.width)
        if not (known and abs(self.center) <= _LARGEST and 1 <= self.width <= _LARGEST):
            raise ImageError("a window has a centre, and a width of at least 1")


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a picture was made of.

    Attributes:
        values: uint8, uint16 or int16 [height, width].
        slope, intercept: from values to the units of the window.
        function: the VOI LUT function of windows.
        inverted: whether low values are bright.
        window: the file's own, or the one that shows all values.
    """

    values: NDArray[Any]
    slope: float
    intercept: float
    function: Function
    inverted: bool
    window: Window

    def extent(self) -> tuple[float, float]:
        """The least and the greatest value, in the units of the window."""
        ends = (float(end) * self.slope + self.intercept for end in _ends(self.values))
        low, high = sorted(ends)
        return low, high

    def shown(self, window: Window) -> Pixels:
        """The picture through a window, uint8 [height, width], bone bright as in the file."""
        low, high = _ends(self.values)
        units = np.arange(low, high + 1, dtype=np.float64) * self.slope + self.intercept
        about = Dataset()
        about.PhotometricInterpretation = "MONOCHROME2"
        about.BitsStored, about.PixelRepresentation = 8, 0
        about.WindowCenter, about.WindowWidth = window.center, window.width
        about.VOILUTFunction = self.function
        levels = np.rint(apply_windowing(units, about)).clip(0, 255).astype(np.uint8)
        return look_up(255 - levels if self.inverted else levels, self.values, low)


def spanning(low: float, high: float) -> Window:
    """The LINEAR window whose ends are these values."""
    return Window((low + high + 1) / 2, max(1.0, high - low + 1))


def sixteen_bit(values: NDArray[np.uint16]) -> Stored:
    """The stored values of a 16-bit PNG, which are shown from their least to their greatest."""
    low, high = _ends(values)
    return Stored(values, 1.0, 0.0, "LINEAR", False, spanning(low, high))


def _ends(values: NDArray[Any]) -> tuple[int, int]:
    return int(values.min()), int(values.max())
