"""Damaged and hostile image files: one line, in no time, without memory taken."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from radvlm.errors import ImageError
from radvlm.io.image import image_size, read_image

SECRET = b"DOE^JANE"
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"
OPEN = b"\xff" * 4


def element(tag: int, vr: bytes, value: bytes, length: bytes | None = None) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in {b"SQ", b"OW", b"OB", b"UN", b"UT"}:
        return head + b"\0\0" + (length or struct.pack("<I", len(value))) + value
    return head + struct.pack("<H", len(value)) + value


def dicom(body: bytes, syntax: bytes = b"1.2.840.10008.1.2.1") -> bytes:
    padded = syntax + b"\0" * (len(syntax) % 2)
    return b"\0" * 128 + b"DICM" + element(0x00020010, b"UI", padded) + body


def header(rows: int, columns: int) -> bytes:
    shorts = {0x00280010: rows, 0x00280011: columns, 0x00280100: 8, 0x00280101: 8, 0x00280102: 7}
    sampled = element(0x00280002, b"US", b"\1\0") + element(0x00280004, b"CS", b"MONOCHROME2 ")
    rest = b"".join(element(t, b"US", struct.pack("<H", v)) for t, v in shorts.items())
    return element(0x00100010, b"PN", SECRET) + sampled + rest + element(0x00280103, b"US", b"\0\0")


def nested(depth: int) -> bytes:
    opening = element(0x00081140, b"SQ", b"", OPEN) + ITEM + OPEN
    closing = ITEM_END + bytes(4) + SEQUENCE_END + bytes(4)
    return opening * depth + closing * depth


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return dicom(packer.compress(body) + packer.flush(), b"1.2.840.10008.1.2.1.99")


def png_header(width: int, height: int) -> bytes:
    data = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    ihdr = struct.pack(">I", 13) + data + struct.pack(">I", zlib.crc32(data))
    return b"\x89PNG\r\n\x1a\n" + ihdr + struct.pack(">I", 0) + b"IDAT" + b"\x35\xaf\x06\x1e"


def jpeg_header(width: int, height: int) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + scan


def j2k_header(width: int, height: int) -> bytes:
    sizes = struct.pack(">8I", width, height, 0, 0, width, height, 0, 0)
    return b"\xff\x4f\xff\x51" + struct.pack(">HH", 41, 0) + sizes + b"\x00\x01\x07\x01\x01"


def encapsulated(frame: bytes, syntax: bytes) -> bytes:
    frame += b"\0" * (len(frame) % 2)
    items = ITEM + bytes(4) + ITEM + struct.pack("<I", len(frame)) + frame
    pixels = element(0x7FE00010, b"OB", items + SEQUENCE_END + bytes(4), OPEN)
    return dicom(header(64, 64) + pixels, syntax)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "empty"),
    "text": (lambda: b"not an image", "neither PNG"),
    "gif": (lambda: b"GIF89a" + bytes(200), "neither PNG"),
    "png signature": (lambda: b"\x89PNG\r\n\x1a\n", "damaged"),
    "png 60k": (lambda: png_header(60_000, 60_000), "60000 x 60000"),
    "png 10k": (lambda: png_header(10_000, 10_000), "10000 x 10000"),
    "png 0": (lambda: png_header(0, 5), "damaged"),
    "jpeg 60k": (lambda: jpeg_header(60_000, 60_000), "60000 x 60000"),
    "jpeg cut": (lambda: jpeg_header(64, 64), "damaged"),
    "dicom prefix": (lambda: b"\0" * 128 + b"DICM", "transfer syntax"),
    "dicom no pixels": (lambda: dicom(header(8, 8)), "no pixels"),
    "dicom 60k": (lambda: dicom(header(60_000, 60_000)), "60000 x 60000"),
    "dicom short": (
        lambda: dicom(header(64, 64) + element(0x7FE00010, b"OW", bytes(100))),
        "damaged",
    ),
    "dicom 4 GB declared": (
        lambda: dicom(header(64, 64) + element(0x7FE00010, b"OW", b"", b"\xfe\xff\xff\xff")),
        "no pixels",
    ),
    "dicom 300 deep": (lambda: dicom(nested(300) + header(8, 8)), "damaged"),
    "dicom 30000 deep": (lambda: dicom(nested(30_000) + header(8, 8)), "damaged"),
    "dicom deflate bomb": (lambda: deflated(header(8, 8) + bytes(200_000_000)), "far larger"),
    "dicom million items": (
        lambda: dicom(element(0x00081140, b"SQ", (ITEM + bytes(4)) * 1_000_000, OPEN)),
        "damaged",
    ),
    "dicom deflated items": (
        lambda: deflated(element(0x00081140, b"SQ", (ITEM + bytes(4)) * 1_000_000, OPEN)),
        "damaged",
    ),
    "dicom j2k bomb": (
        lambda: encapsulated(j2k_header(60_000, 60_000), b"1.2.840.10008.1.2.4.90"),
        "not of the size",
    ),
    "dicom jpeg bomb": (
        lambda: encapsulated(jpeg_header(60_000, 60_000), b"1.2.840.10008.1.2.4.50"),
        "not of the size",
    ),
    "dicom rle bomb": (
        lambda: encapsulated(
            struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\0" * 500_000, b"1.2.840.10008.1.2.5"
        ),
        "not of the size",
    ),
    "dicom mpeg": (
        lambda: encapsulated(b"\0\0\1\xb3", b"1.2.840.10008.1.2.4.100"),
        r"radvlm\[dicom\]",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line_quickly(tmp_path: Path, name: str) -> None:
    make, why = HOSTILE[name]
    path = tmp_path / "image.png"
    path.write_bytes(make())
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match=why) as caught:
            read_image(path)
    message = str(caught.value)
    assert time.process_time() - began < 3
    assert message.startswith(f"{path}: ")
    assert caught.value.remedy
    assert "\n" not in message
    assert SECRET.decode() not in message


@pytest.mark.parametrize("name", ["png 60k", "jpeg 60k", "dicom 60k", "dicom 4 GB declared"])
def test_announced_sizes_take_no_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(HOSTILE[name][0]())
    tracemalloc.start()
    with pytest.raises(ImageError):
        read_image(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("name", ["dicom deflate bomb", "dicom j2k bomb", "dicom deflated items"])
def test_bombs_stay_below_300_mb(tmp_path: Path, name: str) -> None:
    """In a process of its own whose address space cannot hold what they would grow to."""
    path = tmp_path / "image"
    path.write_bytes(HOSTILE[name][0]())
    program = (
        "import pathlib, resource, sys\n"
        "from radvlm.errors import ImageError\n"
        "import radvlm.io.dicom\n"
        "from radvlm.io.image import read_image\n"
        "idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_image(pathlib.Path(sys.argv[1]))\n"
        "except ImageError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 300_000


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, why in {tmp_path / "missing.png": "missing", tmp_path: "not a file"}.items():
        for read in (read_image, image_size):
            with pytest.raises(ImageError, match=why):
                read(path)
    with pytest.raises(ImageError, match="missing"):
        read_image(Path("a\0b"))


def test_a_sparse_file_of_terabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    with path.open("wb") as stream:
        stream.truncate(600 * 1024**2)
    with pytest.raises(ImageError, match="512 MiB"):
        read_image(path)


@pytest.mark.parametrize("kind", ["png", "jpg", "CT_small.dcm", "MR_small_RLE.dcm"])
def test_mutated_files_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    """Bits flipped, pieces cut out or doubled: never another error, never a warning."""
    seed = tmp_path / f"seed.{kind}"
    if kind.endswith("dcm"):
        seed = Path(str(get_testdata_file(kind, download=False)))
    else:
        Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)).save(seed)
    original, rng = seed.read_bytes(), random.Random(kind)
    path = tmp_path / "mutated"
    refused = 0
    for _ in range(150):
        path.write_bytes(_mutated(original, rng))
        try:
            assert read_image(path).dtype == np.uint8
        except ImageError:
            refused += 1
    assert refused > 10


def _mutated(original: bytes, rng: random.Random) -> bytes:
    data = bytearray(original)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(min(len(data), 2000)) if rng.random() < 0.7 else rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + 4] = rng.choice([b"\xff" * 4, bytes(4), rng.randbytes(4)])
            case 2:
                del data[at : at + rng.randint(1, 50)]
            case _:
                data[at:at] = data[at : at + rng.randint(1, 50)]
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)
