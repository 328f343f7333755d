"""The child of ``serve.decoding``: bytes of files on standard input → arrays on standard output."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from radvlm.errors import ImageError
from radvlm.io.dicom import dicom_header
from radvlm.io.image import image_size, read_stored
from radvlm.io.window import Stored
from radvlm.serve.decoding import LENGTH

MAX_PIXELS = 40_000_000
_MEMORY = 4 << 30


def decode(data: bytes) -> tuple[dict[str, Any], list[memoryview]]:
    """What is said of the bytes of a file, and its arrays; of what is wrong, no path."""
    with _file_of(data) as path:
        try:
            width, height = image_size(path)
            if width * height > MAX_PIXELS:
                return {"error": f"image has more than {MAX_PIXELS // 10**6} million pixels"}, []
            pixels, stored = read_stored(path)
            projection = dicom_header(path).projection if data[128:132] == b"DICM" else None
        except ImageError as error:
            return {"error": error.what}, []
        except MemoryError:
            return {"error": "image needs too much memory"}, []
    values = [np.ascontiguousarray(stored.values)] if stored else []
    arrays = [np.ascontiguousarray(one).data for one in (pixels, *values)]
    about = _about(stored) if stored else None
    said = {"shape": pixels.shape, "projection": projection, "stored": about}
    return {**said, "bytes": sum(one.nbytes for one in arrays)}, arrays


@contextmanager
def _file_of(data: bytes) -> Iterator[Path]:
    """A file in memory, which no death of this process can leave behind; on a disk elsewhere."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("upload"), "wb") as held:
            held.write(data)
            held.flush()
            yield Path(f"/proc/self/fd/{held.fileno()}")
    else:
        with tempfile.NamedTemporaryFile(prefix="radvlm-") as file:
            file.write(data)
            file.flush()
            yield Path(file.name)


def _about(stored: Stored) -> dict[str, Any]:
    return {
        "kind": stored.values.dtype.str,
        "slope": stored.slope,
        "intercept": stored.intercept,
        "function": stored.function,
        "inverted": stored.inverted,
        "window": asdict(stored.window),
    }


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """One image after another, until the requests end."""
    while head := requests.read(LENGTH.size):
        said, arrays = decode(requests.read(LENGTH.unpack(head)[0]))
        replies.write(json.dumps(said).encode() + b"\n")
        for one in arrays:
            replies.write(one)
        replies.flush()


def _widen(pipe: int) -> None:
    """A pipe of 1 MB where the system allows it: each filling costs two turns of the processor."""
    size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if size is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe, size, 1 << 20)


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _bound()
    # What a decoder prints must not stand among the replies.
    answers = os.fdopen(os.dup(1), "wb")
    _widen(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _serve(sys.stdin.buffer, answers)
