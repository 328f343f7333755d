"""DICOM files parsed within bounds: only the attributes asked for, nothing a header can inflate.

pydicom does the parsing. Around it: lengths are cut to what the file holds, the number of reads
is limited (a sequence of a million empty items), deflated data is inflated only as far as its
size warrants, and nesting too deep for the interpreter is an error like any other. Messages never
hold a value of the file. Known attacks: fo-dicom #2165, pydicom #2330, CVE-2026-5437 ff.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydicom.config import disable_value_validation
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException
from pydicom.filereader import read_dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from radvlm.errors import ImageError
from radvlm.io.limits import check_file

_PREAMBLE = 132
_MAX_READS = 20_000
"""Reads of the file while parsing; a radiograph needs a few thousand."""

_INFLATED_FREELY = 32 * 1024**2
_MAX_RATIO, _MAX_INFLATED = 20, 256 * 1024**2
"""Radiographs deflate by 2 to 5; the largest one allowed has 128 million bytes."""

_AFTER_IMAGE_GROUP, _AFTER_PIXELS = 0x00290000, 0x7FE00011

_PARSER_ERRORS = (
    AttributeError,
    BytesLengthException,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    AssertionError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoders raise on damaged files, as fuzzing shows."""


def parse(path: Path, keywords: Sequence[str], *, pixels: bool) -> Dataset:
    """The attributes of those keywords, and the pixel data (still coded) where asked for.

    Raises:
        ImageError: the file is missing, damaged, truncated or a decompression bomb.
    """
    check_file(path)
    tags = [tag for tag in map(tag_for_keyword, keywords) if tag is not None]
    end = _AFTER_PIXELS if pixels else _AFTER_IMAGE_GROUP
    with readable(path), _Bounded(path.open("rb", buffering=0)) as stream:
        stream.seek(_PREAMBLE)
        meta = FileMetaDataset(
            read_dataset(stream, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)
        )
        syntax = UID(meta.get("TransferSyntaxUID") or "")
        if not syntax.is_transfer_syntax:
            raise ImageError("DICOM names no known transfer syntax", path, "Export it again")
        source = _inflated(stream, path) if syntax == DeflatedExplicitVRLittleEndian else stream
        found = read_dataset(
            source,
            syntax.is_implicit_VR,
            syntax.is_little_endian,
            stop_when=lambda tag, *_: tag >= end,
            specific_tags=tags,
        )
        found.file_meta = meta
        return found


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn whatever parser and decoders raise into one line without a value of the file."""
    try:
        with disable_value_validation():
            yield
    except _PARSER_ERRORS:
        raise ImageError("DICOM is damaged or truncated", path, "Fetch it again") from None


def _inflated(stream: BinaryIO, path: Path) -> BinaryIO:
    """The rest of the stream inflated, within what its size warrants."""
    packed = stream.read()
    limit = max(_INFLATED_FREELY, min(_MAX_RATIO * len(packed), _MAX_INFLATED))
    data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, limit + 1)
    if len(data) > limit:
        raise ImageError(
            "deflated DICOM is far larger than its file", path, "Export it uncompressed"
        )
    return _Bounded(io.BytesIO(data))


class _Bounded(io.BufferedReader):
    """A stream that never takes memory past its end, nor is read more often than allowed."""

    def __init__(self, raw: io.RawIOBase | io.BytesIO) -> None:
        self._end = raw.seek(0, io.SEEK_END)
        raw.seek(0)
        self._reads = 0
        super().__init__(raw)

    def read(self, size: int | None = -1) -> bytes:
        self._reads += 1
        if self._reads > _MAX_READS:
            raise ValueError("too many elements")
        left = max(0, self._end - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))
