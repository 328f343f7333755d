"""Images of this session: uploads, kept in memory for a while, and simulated examples."""

from __future__ import annotations

import io
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache

from PIL import Image

from radvlm.errors import ImageError
from radvlm.protocols import Pixels

EXAMPLES = {
    "example-1": ("Simulated: nothing to report", frozenset[str](), 11),
    "example-2": ("Simulated: pleural effusion", frozenset({"Pleural Effusion"}), 12),
    "example-3": ("Simulated: cardiomegaly", frozenset({"Cardiomegaly"}), 13),
}
_MOST_BYTES = 512 << 20
_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Kept:
    """Pixels uint8 [height, width], and when they came (monotonic seconds)."""

    pixels: Pixels
    came: float


class Images:
    """Named images; the oldest go when memory or time is up."""

    def __init__(self, most_bytes: int = _MOST_BYTES, seconds: float = _SECONDS) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._most, self._seconds = most_bytes, seconds

    def put(self, pixels: Pixels) -> str:
        """Keep an image; its unguessable id."""
        name = secrets.token_urlsafe(16)
        self._kept[name] = Kept(pixels, time.monotonic())
        self._forget()
        return name

    def get(self, name: str) -> Pixels:
        """The image of that id; ``ImageError`` where there is none (any more)."""
        if name in EXAMPLES:
            return example(name)
        self._forget()
        if name not in self._kept:
            raise ImageError("there is no image of that id", remedy="Upload it again")
        return self._kept[name].pixels

    def _forget(self) -> None:
        now = time.monotonic()
        while self._kept:
            oldest = next(iter(self._kept.values()))
            held = sum(one.pixels.nbytes for one in self._kept.values())
            if held <= self._most and now - oldest.came <= self._seconds:
                return
            self._kept.popitem(last=False)


@cache
def example(name: str) -> Pixels:
    """The pixels of one of ``EXAMPLES``."""
    from radvlm.sources.phantom.factors import Factors
    from radvlm.sources.phantom.simulate import simulate

    _, findings, seed = EXAMPLES[name]
    return simulate(seed, Factors(findings=findings, size=512))[0]


def as_png(pixels: Pixels) -> bytes:
    """The image as an 8-bit grey PNG."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format="PNG")
    return written.getvalue()
