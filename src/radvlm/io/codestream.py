"""The size a compressed image announces in its own header: JPEG, JPEG-LS and JPEG 2000.

A decoder takes memory for the size in the codestream, whatever the file around it says, so both
have to agree before decoding (ISO 10918-1 B.2.2, ISO 14495-1 C.2.2, ISO 15444-1 A.5.1).
"""

from __future__ import annotations

import struct

_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7}
_SIGNATURE_BOX = b"\x00\x00\x00\x0cjP  "
_SIZ = b"\xff\x4f\xff\x51"


def coded_size(stream: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, or none where no header can be found."""
    try:
        if stream.startswith(_SIGNATURE_BOX):
            stream = stream[stream.index(_SIZ) :]
        if stream.startswith(_SIZ):
            right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
            return right - left, bottom - top
        return _jpeg_size(stream)
    except (struct.error, ValueError):
        return None


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    at = 2
    while stream.startswith(b"\xff\xd8"):
        fill, marker, length = struct.unpack_from(">BBH", stream, at)
        if fill != 0xFF:
            return None
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", stream, at + 5)
            return width, height
        at += 1 if marker == 0xFF else 2 + length
    return None
