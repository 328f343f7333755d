"""Images of this session: uploads, kept in memory for a while, and simulated examples."""

from __future__ import annotations

import io
import secrets
import time
from collections import OrderedDict
from functools import cache

from PIL import Image

from radvlm.errors import ImageError, InputError
from radvlm.protocols import Pixels
from radvlm.serve.decoding import Picture

EXAMPLES = {
    "example-1": ("Simulated: nothing to report", frozenset[str](), 11),
    "example-2": ("Simulated: pleural effusion", frozenset({"Pleural Effusion"}), 12),
    "example-3": ("Simulated: cardiomegaly", frozenset({"Cardiomegaly"}), 13),
}
_MOST_BYTES = 512 << 20
_SECONDS = 3600.0
_OVERHEAD = 4096
"""What even the smallest image costs, so that their number is bounded as well."""


class Images:
    """Named images; the oldest go when memory or time is up."""

    def __init__(self, most_bytes: int = _MOST_BYTES, seconds: float = _SECONDS) -> None:
        self._kept: OrderedDict[str, tuple[Picture, float]] = OrderedDict()
        self._most, self._seconds = most_bytes, seconds
        self.nbytes = 0

    def put(self, picture: Picture) -> str:
        """Keep an image; its unguessable id."""
        name = secrets.token_urlsafe(16)
        self._kept[name] = picture, time.monotonic()
        self.nbytes += picture.nbytes + _OVERHEAD
        self._forget()
        return name

    def get(self, name: str) -> Picture:
        """The image of that id; ``ImageError`` where there is none (any more)."""
        if name in EXAMPLES:
            return example(name)
        self._forget()
        if name not in self._kept:
            raise ImageError("there is no image of that id", remedy="Upload it again")
        return self._kept[name][0]

    def drop(self, name: str) -> None:
        """Forget an upload now.

        Raises:
            InputError: it is an example, which belongs to everybody.
            ImageError: there is no image of that id (any more).
        """
        if name in EXAMPLES:
            raise InputError("an example cannot be deleted")
        self.get(name)
        picture, _ = self._kept.pop(name)
        self.nbytes -= picture.nbytes + _OVERHEAD

    def _forget(self) -> None:
        now = time.monotonic()
        while self._kept:
            _, came = next(iter(self._kept.values()))
            if self.nbytes <= self._most and now - came <= self._seconds:
                return
            _, (picture, _) = self._kept.popitem(last=False)
            self.nbytes -= picture.nbytes + _OVERHEAD


@cache
def example(name: str) -> Picture:
    """The image of one of ``EXAMPLES``."""
    from radvlm.sources.phantom.factors import Factors
    from radvlm.sources.phantom.simulate import simulate

    _, findings, seed = EXAMPLES[name]
    return Picture(simulate(seed, Factors(findings=findings, size=512))[0], "PA")


def as_png(pixels: Pixels) -> bytes:
    """The image as an 8-bit grey PNG."""
    written = io.BytesIO()
    # The next hop is mostly this machine: little compression, a quarter of the time.
    Image.fromarray(pixels).save(written, format="PNG", compress_level=1)
    return written.getvalue()
