"""Radiographs as PNG data URIs, the one form every OpenAI-compatible vision server takes."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from radvlm.frames import padded_square
from radvlm.io.image import read_image
from radvlm.protocols import Pixels


@dataclass(frozen=True, slots=True)
class Sent:
    """An image as it is sent, and its own (width, height) in pixels, which boxes count over."""

    uri: str
    size: tuple[int, int]


def to_send(image: Path | Pixels, longest_side: int | None, square: bool) -> Sent:
    """An image as an 8-bit grey PNG, made square by black borders and shrunk where asked.

    Raises:
        ImageError: the file cannot be read.
    """
    pixels = read_image(image) if isinstance(image, Path) else image
    shown = squared(pixels) if square else Image.fromarray(pixels)
    if longest_side is not None and max(shown.size) > longest_side:
        shown.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    shown.save(written, format="PNG")
    coded = base64.b64encode(written.getvalue()).decode("ascii")
    return Sent(f"data:image/png;base64,{coded}", (pixels.shape[1], pixels.shape[0]))


def squared(pixels: Pixels) -> Image.Image:
    """The image within the black borders of ``frames.padded_square``."""
    size = pixels.shape[1], pixels.shape[0]
    frame = padded_square(size)
    whole = Image.new("L", (int(frame.width), int(frame.height)))
    whole.paste(Image.fromarray(pixels), (-int(frame.left), -int(frame.top)))
    return whole
