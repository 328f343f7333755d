"""Pictures of explanations: strips of images side by side, difference maps, an animation."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from radvlm.io.files import atomic_path
from radvlm.protocols import Pixels

_GAP, _TOP = 4, 18
_INK, _PAPER = (230, 230, 230), (16, 18, 20)
_FULL = 96.0
"""Grey levels of difference that are drawn in full colour."""

Colour = np.ndarray
"""uint8 [s, s, 3]."""


def difference(before: Pixels, after: Pixels) -> Colour:
    """Where an image became brighter (orange) or darker (blue), over its grey."""
    change = (after.astype(np.float32) - before) / _FULL
    strength = np.clip(np.abs(change), 0, 1)[..., None]
    colour = np.where(change[..., None] > 0, (255.0, 140.0, 0.0), (40.0, 120.0, 255.0))
    grey = np.repeat(before[..., None] * 0.6, 3, axis=2)
    return np.asarray(grey * (1 - strength) + colour * strength, dtype=np.uint8)


def strip(
    images: Sequence[np.ndarray], captions: Sequence[str] = (), side: int = 192
) -> Image.Image:
    """Images in a row, each ``side`` pixels high, with captions above."""
    top = _TOP if captions else 0
    width = len(images) * (side + _GAP) - _GAP
    sheet = Image.new("RGB", (width, side + top), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, pixels in enumerate(images):
        x = number * (side + _GAP)
        tile = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
        sheet.paste(tile.resize((side, side), Image.Resampling.BICUBIC), (x, top))
        if captions:
            pen.text((x + 2, 2), captions[number], fill=_INK, font=ImageFont.load_default(12))
    return sheet


def stacked(strips: Sequence[Image.Image]) -> Image.Image:
    """Strips below each other."""
    width = max(one.width for one in strips)
    sheet = Image.new("RGB", (width, sum(s.height + _GAP for s in strips) - _GAP), _PAPER)
    y = 0
    for one in strips:
        sheet.paste(one, (0, y))
        y += one.height + _GAP
    return sheet


def png(image: Image.Image) -> bytes:
    """The bytes of a PNG."""
    held = io.BytesIO()
    image.save(held, "PNG", optimize=True)
    return held.getvalue()


def save_png(image: Image.Image, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with atomic_path(path) as aside:
        aside.write_bytes(png(image))


def save_gif(frames: Sequence[Pixels], path: Path, side: int = 256) -> None:
    """There and back again, endlessly, 8 frames a second."""
    tiles = [
        Image.fromarray(frame).resize((side, side), Image.Resampling.BICUBIC)
        for frame in (*frames, *reversed(frames[1:-1]))
    ]
    with atomic_path(path) as aside:
        tiles[0].save(aside, "GIF", save_all=True, append_images=tiles[1:], duration=125, loop=0)
