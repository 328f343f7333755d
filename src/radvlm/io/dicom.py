"""Radiographs from DICOM: the picture a viewer shows → uint8 [height, width], bone bright.

The order is that of PS3.4 N.2: modality LUT or rescale, then VOI LUT or the first window (LINEAR,
LINEAR_EXACT, SIGMOID), then polarity. Without either, the smallest and largest value become 0 and
255. Pixels are never resampled: where they are not square the picture keeps them, and boxes, being
fractions, stay right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, RLELossless

from radvlm.errors import ImageError
from radvlm.io.codestream import coded_size
from radvlm.io.dicom_file import parse, readable
from radvlm.io.limits import check_size, look_up, stretch
from radvlm.io.window import Function, Stored, Window, spanning
from radvlm.protocols import Pixels
from radvlm.records import Projection

_SHAPE = ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated")
_DISPLAY = (
    *_SHAPE,
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "PresentationLUTShape",
    "PixelData",
)
_ABOUT = (*_SHAPE, "ViewPosition", "PatientSex", "PatientAge")
_PROJECTIONS: dict[str, Projection] = {
    "": "UNKNOWN",
    "PA": "PA",
    "AP": "AP",
    "LL": "LATERAL",
    "RL": "LATERAL",
    "LATERAL": "LATERAL",
}
_YEARS = {"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_FUNCTIONS: tuple[Function, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_AGAIN = "Export it again"


@dataclass(frozen=True, slots=True)
class DicomHeader:
    """What a header says that a study keeps: size in pixels, projection, sex, age in years."""

    width: int
    height: int
    projection: Projection
    sex: str | None
    age: float | None


def read_dicom(path: Path) -> Pixels:
    """The radiograph as it is to be shown, uint8 [height, width], bone bright.

    Raises:
        ImageError: the file is damaged, holds no or several pictures, is larger than allowed, or
            its compression needs ``radvlm[dicom]``.
    """
    return read_dicom_stored(path)[0]


def read_dicom_stored(path: Path) -> tuple[Pixels, Stored | None]:
    """The picture of ``read_dicom`` and what it was made of; None where it has colours.

    Raises:
        ImageError: as ``read_dicom``.
    """
    dataset = parse(path, _DISPLAY, pixels=True)
    with readable(path):
        _check_shape(dataset, path)
        _check_pixel_data(dataset, path)
        pixels = pixel_array(dataset, raw=False)
        if dataset.get("SamplesPerPixel", 1) == 1:
            return _displayed(pixels, dataset, path), _stored(pixels, dataset)
        if pixels.dtype != np.uint8:
            raise ImageError("colour DICOM has more than 8 bits", path, "Export it as grey")
        return np.array(Image.fromarray(pixels, "RGB").convert("L"), dtype=np.uint8), None


def dicom_header(path: Path) -> DicomHeader:
    """Size, projection, sex and age, without touching the pixel data.

    Raises:
        ImageError: the file is damaged, holds no or several pictures, or is too large.
    """
    dataset = parse(path, _ABOUT, pixels=False)
    with readable(path):
        _check_shape(dataset, path)
        view = str(dataset.get("ViewPosition") or "").strip().upper()
        sex = str(dataset.get("PatientSex") or "").strip().upper()
        return DicomHeader(
            width=int(dataset.Columns),
            height=int(dataset.Rows),
            projection=_PROJECTIONS.get(view, "OTHER"),
            sex=sex if sex in {"F", "M", "O"} else None,
            age=_years(str(dataset.get("PatientAge") or "")),
        )


def _years(text: str) -> float | None:
    """An age string in years; public releases often leave out the unit of PS3.5 6.2."""
    match = re.fullmatch(r"\s*(\d{1,3})([YMWD]?)\s*", text)
    return int(match[1]) * _YEARS[match[2]] if match else None


def _check_shape(dataset: Dataset, path: Path) -> None:
    if dataset.get("Rows") is None or dataset.get("Columns") is None:
        raise ImageError("DICOM holds no picture", path, "Give an image object")
    check_size(path, int(dataset.Columns), int(dataset.Rows))
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise ImageError("DICOM holds several frames", path, "Give single-frame radiographs")
    if dataset.get("BitsAllocated", 0) not in {1, 8, 16} or dataset.get(
        "SamplesPerPixel", 1
    ) not in {1, 3}:
        raise ImageError("DICOM has an unusual pixel format", path, _AGAIN)


def _check_pixel_data(dataset: Dataset, path: Path) -> None:
    """Refuse what no decoder can read, and what would decode to more than was announced."""
    if not dataset.get("PixelData"):
        raise ImageError("DICOM holds no pixels", path, "Give an image object")
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        raise ImageError("DICOM has a colour palette", path, "Export it as grey")
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if not syntax.is_encapsulated:
        return
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise ImageError(
            f"no decoder for the transfer syntax {syntax.name}", path, "Install radvlm[dicom]"
        )
    size = int(dataset.Columns), int(dataset.Rows)
    bits = int(dataset.BitsAllocated) * int(dataset.get("SamplesPerPixel", 1))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    too_long = len(frame) > 2 * size[0] * size[1] * bits // 8 + 65536
    if too_long or (syntax != RLELossless and coded_size(frame) != size):
        raise ImageError("compressed picture is not of the size announced", path, _AGAIN)


def _displayed(pixels: NDArray[Any], dataset: Dataset, path: Path) -> Pixels:
    """One table from stored value to grey level, computed once for the values there are."""
    low, high = int(pixels.min()), int(pixels.max())
    stored = np.arange(low, high + 1).astype(pixels.dtype)
    levels = _levels(apply_modality_lut(stored, dataset), dataset, path)
    return look_up(255 - levels if _inverted(dataset) else levels, pixels, low)


def _inverted(dataset: Dataset) -> bool:
    inverse = "INVERSE" in str(dataset.get("PresentationLUTShape", ""))
    return inverse or str(dataset.PhotometricInterpretation) == "MONOCHROME1"


def _stored(pixels: NDArray[Any], dataset: Dataset) -> Stored | None:
    """The values below the window; those of a modality LUT are looked up, as it is no line.

    None where the file's numbers make no window that can be asked for.
    """
    slope, intercept = 1.0, 0.0
    if dataset.get("ModalityLUTSequence"):
        pixels = apply_modality_lut(pixels, dataset)
    elif dataset.get("RescaleSlope") is not None and dataset.get("RescaleIntercept") is not None:
        slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
    named = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
    function: Function = next((one for one in _FUNCTIONS if one == named), "LINEAR")
    made = Stored(pixels, slope, intercept, function, _inverted(dataset), spanning(0, 0))
    try:
        own = None if dataset.get("VOILUTSequence") else _own_window(dataset)
        return replace(made, window=own or spanning(*made.extent()))
    except ImageError:
        return None


def _own_window(dataset: Dataset) -> Window | None:
    """The file's first window, none where it has none."""
    if dataset.get("WindowCenter") is None or dataset.get("WindowWidth") is None:
        return None
    center, width = (_first(dataset[k].value) for k in ("WindowCenter", "WindowWidth"))
    return Window(center, max(width, 1.0))


def _levels(values: NDArray[Any], dataset: Dataset, path: Path) -> Pixels:
    """Grey levels of modality values: through the VOI transform, whose ends are 0 and 255."""
    windowed = dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None
    if dataset.get("VOILUTSequence"):
        ends = np.array([-(10**6), 10**6])
    elif windowed:
        center, width = (_first(dataset[k].value) for k in ("WindowCenter", "WindowWidth"))
        if not 0 < width < float("inf"):
            raise ImageError("DICOM has a window without width", path, _AGAIN)
        ends = np.array([center - 100 * width, center + 100 * width])
    else:
        return stretch(values)
    shown = apply_voi_lut(np.concatenate([values, ends]), dataset, index=0)
    low, high = sorted(map(float, shown[-2:]))
    if low == high:
        raise ImageError("DICOM has a lookup table without contrast", path, _AGAIN)
    scaled = (shown[:-2].astype(np.float64) - low) * (255 / (high - low))
    levels: Pixels = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return levels


def _first(value: Any) -> float:
    return float(value if isinstance(value, int | float | str) else value[0])
