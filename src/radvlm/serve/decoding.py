"""Uploaded bytes → pixels, in a child process with bounded memory and time.

The child gets the bytes on standard input and answers with a line of JSON and raw pixels; nothing
of it is unpickled. It decodes one image after another and is started anew when it dies or hangs.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from radvlm.errors import ImageError
from radvlm.io.image import image_size, read_image
from radvlm.protocols import Pixels

MAX_PIXELS = 40_000_000
_MEMORY = 4 << 30
_PROCESSOR_SECONDS = 3600
_SECONDS = 20.0
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels uint8 [height, width] and, of a DICOM, the projection."""

    pixels: Pixels
    projection: str | None


class Decoder:
    """A child process that decodes; a death or a delay costs one upload, then it is restarted.

    Args:
        seconds: for one image.
        most_waiting: uploads that may wait; ``full`` tells before one is begun.
    """

    def __init__(self, seconds: float = _SECONDS, most_waiting: int = 16) -> None:
        self._seconds, self._most = seconds, most_waiting
        self._child: asyncio.subprocess.Process | None = None
        self._one = asyncio.Lock()
        self._waiting = 0
        self.restarts = 0

    @property
    def full(self) -> bool:
        """Whether as many uploads wait as are taken."""
        return self._waiting >= self._most

    async def decode(self, data: bytes) -> Decoded:
        """The image of the bytes of a file.

        Raises:
            ImageError: it is no radiograph we can read, too large, or takes too long.
        """
        self._waiting += 1
        try:
            async with self._one:
                return await self._asked(data)
        finally:
            self._waiting -= 1

    async def _asked(self, data: bytes) -> Decoded:
        try:
            async with asyncio.timeout(self._seconds):
                child = self._child or await self._started()
                assert child.stdin is not None and child.stdout is not None
                child.stdin.write(_LENGTH.pack(len(data)) + data)
                await child.stdin.drain()
                said = json.loads(await child.stdout.readline())
                raw = await child.stdout.readexactly(int(said.get("bytes", 0)))
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            await self.close()
            self.restarts += 1
            raise ImageError("image cannot be decoded within bounds") from error
        if "error" in said:
            raise ImageError(str(said["error"]))
        height, width = said["shape"]
        pixels = np.frombuffer(raw, np.uint8).reshape(height, width)
        return Decoded(pixels, said["projection"])

    async def close(self) -> None:
        """End the child."""
        if self._child is not None:
            child, self._child = self._child, None
            if child.returncode is None:
                child.kill()
            await child.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "radvlm.serve.decoding",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return self._child


def decode(data: bytes) -> tuple[dict[str, Any], bytes]:
    """What is said of the bytes of a file, and its pixels; of what is wrong, no path."""
    with tempfile.NamedTemporaryFile(prefix="radvlm-") as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        try:
            width, height = image_size(path)
            if width * height > MAX_PIXELS:
                return {"error": f"image has more than {MAX_PIXELS // 10**6} million pixels"}, b""
            pixels, projection = read_image(path), _projection(path, data)
        except ImageError as error:
            return {"error": error.what}, b""
        except MemoryError:
            return {"error": "image needs too much memory"}, b""
    said = {"shape": pixels.shape, "projection": projection, "bytes": pixels.size}
    return said, pixels.tobytes()


def _projection(path: Path, data: bytes) -> str | None:
    if data[128:132] != b"DICM":
        return None
    from radvlm.io.dicom import dicom_header

    return dicom_header(path).projection


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """In the child: one image after another, until the requests end."""
    while head := requests.read(_LENGTH.size):
        said, raw = decode(requests.read(_LENGTH.unpack(head)[0]))
        replies.write(json.dumps(said).encode() + b"\n" + raw)
        replies.flush()


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _bound()
    # What a decoder prints must not stand among the replies.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _serve(sys.stdin.buffer, answers)
