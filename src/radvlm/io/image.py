"""Radiographs from files: PNG, JPEG or DICOM → uint8 [height, width], bone bright.

The kind of a file is told by its first bytes, never by its name, and its size is bounded from the
header before a pixel is decoded. Only these three formats reach a decoder.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from radvlm.errors import ImageError
from radvlm.io.limits import MAX_FILE_BYTES, MAX_PIXELS, check_file, check_size, stretch
from radvlm.protocols import Pixels

if TYPE_CHECKING:
    from radvlm.io.window import Stored

__all__ = ["MAX_FILE_BYTES", "MAX_PIXELS", "image_size", "read_image", "read_stored"]

_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow raises on damaged files, as its own ``Image.open`` knows and fuzzing shows."""

_ORIENTATION, _SIDEWAYS = 0x0112, {5, 6, 7, 8}


def read_image(path: Path) -> Pixels:
    """The radiograph as it is to be shown, uint8 [height, width], bone bright.

    Colours become grey (ITU-R 601), transparent parts black, and a JPEG is turned upright as its
    EXIF orientation says. Sixteen-bit PNG is scaled from the smallest and largest value of the
    image to 0…255. DICOM: see ``radvlm.io.dicom``.

    Raises:
        ImageError: the file is missing, damaged, too large or no radiograph we can read.
    """
    if _is_dicom(path):
        from radvlm.io.dicom import read_dicom

        return read_dicom(path)
    with _opened(path) as image:
        return _grey(path, image)


def read_stored(path: Path) -> tuple[Pixels, Stored | None]:
    """The picture of ``read_image``, and what it was made of; None where that is 8 bits alone.

    Raises:
        ImageError: as ``read_image``.
    """
    from radvlm.io.dicom import read_dicom_stored
    from radvlm.io.window import sixteen_bit

    if _is_dicom(path):
        return read_dicom_stored(path)
    with _opened(path) as image:
        pixels = _grey(path, image)
        deep = image.mode.startswith("I")
        return pixels, sixteen_bit(np.asarray(image, dtype=np.uint16)) if deep else None


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of what ``read_image`` returns, in pixels, from the header alone.

    Raises:
        ImageError: as ``read_image``, for what the header shows.
    """
    if _is_dicom(path):
        from radvlm.io.dicom import dicom_header

        header = dicom_header(path)
        return header.width, header.height
    with _opened(path) as image:
        width, height = image.size
        turned = isinstance(image, JpegImageFile) and image.getexif().get(_ORIENTATION) in _SIDEWAYS
        return (height, width) if turned else (width, height)


def _is_dicom(path: Path) -> bool:
    check_file(path)
    return _first_bytes(path)[128:] == b"DICM"


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(132)
    except OSError as error:
        raise ImageError("cannot be opened", path, "Check its permissions") from error


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image with its header read and its size checked.

    The plug-ins are used directly: ``Image.open`` tries other formats and only warns of images
    somewhat above its own limit.
    """
    head = _first_bytes(path)
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            image: Image.Image = PngImageFile(path)
        elif head.startswith(b"\xff\xd8\xff"):
            image = JpegImageFile(path)
        else:
            raise ImageError("is neither PNG, JPEG nor DICOM", path, "Convert it to one of these")
        with image:
            check_size(path, *image.size)
            yield image
    except _DECODER_ERRORS as error:
        raise ImageError("image is damaged or truncated", path, "Fetch it again") from error


def _grey(path: Path, image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):
        return stretch(np.asarray(image, dtype=np.uint16))
    if str(image.tile[0].args if image.tile else "").endswith(";16B"):  # type: ignore[attr-defined]
        raise ImageError(
            "is a 16-bit PNG with colour or alpha, whose grey levels would be lost",
            path,
            "Save it as 16-bit grey",
        )
    if isinstance(image, JpegImageFile):
        image = ImageOps.exif_transpose(image)
    if image.mode in {"LA", "RGBA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    elif image.mode not in {"1", "L"}:
        image = image.convert("RGB")
    return np.array(image.convert("L"), dtype=np.uint8)
