"""Random examples of a stream too long to hold, and what a page shows of each."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image

from radvlm.errors import InputError
from radvlm.evaluate.page import SIDES
from radvlm.evaluate.page_data import Conversation
from radvlm.evaluate.page_marks import Bubble, Mark, bubbles
from radvlm.io.image import read_image
from radvlm.protocols import Pixels
from radvlm.records import Example

_BLANK: Pixels = np.full((4, 3), 48, np.uint8)


class Sample:
    """The ``size`` examples whose ids have the smallest hashes with the seed.

    That is a random draw that does not depend on the order of the examples or on their number of
    shards.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self._key = str(seed).encode()
        self._heap: list[tuple[int, int, Example]] = []
        self._offered = 0

    def offer(self, example: Example) -> None:
        """Keep the example if it is among the drawn so far."""
        self._offered += 1
        digest = blake2b(example.id.encode(), digest_size=8, key=self._key).digest()
        heapq.heappush(self._heap, (-int.from_bytes(digest), self._offered, example))
        if len(self._heap) > self.size:
            heapq.heappop(self._heap)

    def drawn(self) -> list[Example]:
        """The examples drawn, in the order of their hashes."""
        return [example for _, _, example in sorted(self._heap, reverse=True)]


@dataclass(frozen=True, slots=True)
class Card:
    """One example as the page shows it; ``missing`` says why its image is not there."""

    task: str
    origin: str
    pixels: Pixels
    marks: tuple[Mark, ...]
    said: tuple[Bubble, ...]
    alt: str
    missing: str = ""
    warning: str = ""


def card_of(example: Example) -> Card:
    """The example with its first image, made smaller; a blank one where it cannot be read."""
    pixels, missing = pixels_of(example)
    said, marks = bubbles(Conversation(pixels, example.turns))
    views = len(example.views)
    origin = [example.split, example.source.replace("+", " + ")]
    origin += [f"first of {views} images"] if views > 1 else []
    boxes = f"{len(marks)} box" if len(marks) == 1 else f"{len(marks)} boxes"
    return Card(
        task=example.task,
        origin=", ".join(origin),
        pixels=pixels,
        marks=tuple(marks),
        said=tuple(said),
        alt=f"Image not shown: {missing}" if missing else f"Chest radiograph with {boxes}",
        missing=missing,
        warning="" if example.access == "open" else f"{example.access.capitalize()}: do not share",
    )


def pixels_of(example: Example) -> tuple[Pixels, str]:
    """The radiograph, and why it is blank if it is."""
    if not example.views or not example.views[0].path:
        return _BLANK, "the data set names no file"
    try:
        image = Image.fromarray(read_image(Path(example.views[0].path)))
    except InputError as error:
        return _BLANK, error.what
    image.thumbnail((SIDES[0], SIDES[0]), Image.Resampling.LANCZOS)
    return np.array(image), ""
