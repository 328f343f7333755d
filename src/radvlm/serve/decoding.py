"""Uploaded bytes → pixels, in child processes with bounded memory and time.

A child gets the bytes on standard input and answers with a line of JSON and raw arrays; nothing of
it is unpickled. It decodes one image after another and is started anew when it dies, hangs or has
done enough.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from radvlm.errors import ImageError
from radvlm.io.window import Stored, Window
from radvlm.protocols import Pixels

LENGTH = struct.Struct(">Q")
_SECONDS = 20.0
_IMAGES_A_CHILD = 2000
"""What a decoder leaks goes with its process."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image as the model sees it, and what is known of it.

    Attributes:
        pixels: uint8 [height, width].
        projection: of a DICOM.
        stored: what windows are applied to, none where there were 8 bits alone.
    """

    pixels: Pixels
    projection: str | None = None
    stored: Stored | None = None

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return self.pixels.nbytes + (self.stored.values.nbytes if self.stored else 0)


class Decoder:
    """Child processes that decode; a death or a delay costs one upload, then there is a new one.

    Args:
        seconds: for one image.
        children: images that are decoded at a time.
        most_waiting: uploads that may wait; ``full`` tells before one is begun.
    """

    def __init__(
        self, seconds: float = _SECONDS, children: int = 2, most_waiting: int = 32
    ) -> None:
        self._seconds, self._most = seconds, most_waiting
        self._free = asyncio.Semaphore(children)
        self._idle = [_Child() for _ in range(children)]
        self._all = tuple(self._idle)
        self._waiting = 0
        self.restarts = 0

    @property
    def full(self) -> bool:
        """Whether as many uploads wait as are taken."""
        return self._waiting >= self._most

    async def decode(self, data: bytes) -> Picture:
        """The image of the bytes of a file.

        Raises:
            ImageError: it is no radiograph we can read, too large, or takes too long.
        """
        self._waiting += 1
        try:
            async with self._free:
                # The one used last is warm; the others need not even be started.
                child = self._idle.pop()
                try:
                    return await self._asked(child, data)
                finally:
                    self._idle.append(child)
        finally:
            self._waiting -= 1

    async def warm(self) -> None:
        """Start a child before the first image comes."""
        async with self._free:
            child = self._idle.pop()
            try:
                await child.start()
            finally:
                self._idle.append(child)

    async def _asked(self, child: _Child, data: bytes) -> Picture:
        try:
            async with asyncio.timeout(self._seconds):
                return _picture(*await child.ask(data))
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            await child.end()
            self.restarts += 1
            raise ImageError("image cannot be decoded within bounds") from error
        except asyncio.CancelledError:
            # Its answer is still to come, and must not become that of the next upload.
            await child.end()
            raise

    async def close(self) -> None:
        """End the children."""
        for child in self._all:
            await child.end()


class _Child:
    """One process, started when it is first needed."""

    def __init__(self) -> None:
        self.process: asyncio.subprocess.Process | None = None
        self._done = 0

    async def ask(self, data: bytes) -> tuple[dict[str, Any], bytes]:
        """What the process says of the bytes, and its arrays."""
        if self._done >= _IMAGES_A_CHILD:
            await self.end()
        process = await self.start()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.writelines((LENGTH.pack(len(data)), data))
        await process.stdin.drain()
        said = json.loads(await process.stdout.readline())
        self._done += 1
        return said, await process.stdout.readexactly(int(said.get("bytes", 0)))

    async def start(self) -> asyncio.subprocess.Process:
        """The process, which is started where it is not there."""
        if self.process is None:
            self._done = 0
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "radvlm.serve.decoder_child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=1 << 20,
            )
        return self.process

    async def end(self) -> None:
        """End the process."""
        if self.process is not None:
            process, self.process = self.process, None
            if process.returncode is None:
                process.kill()
            await process.wait()


def _picture(said: dict[str, Any], raw: bytes) -> Picture:
    if "error" in said:
        raise ImageError(str(said["error"]))
    height, width = said["shape"]
    area = height * width
    pixels = np.frombuffer(raw, np.uint8, area).reshape(height, width)
    about = said["stored"]
    if about is None:
        return Picture(pixels, said["projection"])
    kind = np.dtype(about.pop("kind"))
    values = np.frombuffer(raw, kind, area, offset=area).reshape(height, width)
    window = Window(**about.pop("window"))
    return Picture(pixels, said["projection"], Stored(values, window=window, **about))
