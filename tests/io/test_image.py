from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radvlm.errors import ImageError
from radvlm.io.image import image_size, read_image

GREY = np.arange(12 * 20, dtype=np.uint8).reshape(12, 20)


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_a_12_bit_ramp_in_16_bits_is_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.arange(100, 100 + 4096, dtype=np.uint16).reshape(64, 64)
    found = read_image(saved(Image.fromarray(ramp), tmp_path / "ramp.png"))
    np.testing.assert_array_equal(found.ravel(), np.rint(np.linspace(0, 255, 4096)))


@pytest.mark.parametrize(("low", "high"), [(0, 65535), (0, 255), (1000, 1001), (32768, 65535)])
def test_the_darkest_is_0_and_the_brightest_255(tmp_path: Path, low: int, high: int) -> None:
    pixels = np.array([[low, high], [high, low]], dtype=np.uint16)
    found = read_image(saved(Image.fromarray(pixels), tmp_path / "a.png"))
    assert found.tolist() == [[0, 255], [255, 0]]


def test_a_constant_16_bit_image_is_black(tmp_path: Path) -> None:
    pixels = np.full((3, 4), 700, np.uint16)
    assert not read_image(saved(Image.fromarray(pixels), tmp_path / "a.png")).any()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_the_ways_to_write_grey_as_png_agree(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    path = saved(image, tmp_path / "named.jpg", format="PNG")
    np.testing.assert_array_equal(read_image(path), GREY)
    assert read_image(path).dtype == np.uint8
    assert image_size(path) == (20, 12)


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = GREY > 100
    found = read_image(saved(Image.fromarray(bits), tmp_path / "a.png"))
    np.testing.assert_array_equal(found, 255 * bits)


def test_transparent_parts_are_black_whatever_they_hide(tmp_path: Path) -> None:
    alpha = np.where(GREY > 100, 255, 0).astype(np.uint8)
    image = Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(alpha)))
    found = read_image(saved(image, tmp_path / "alpha.png"))
    np.testing.assert_array_equal(found, np.where(GREY > 100, GREY, 0))
    keyed = read_image(saved(Image.fromarray(GREY), tmp_path / "key.png", transparency=200))
    np.testing.assert_array_equal(keyed, np.where(GREY == 200, 0, GREY))


def test_colours_become_luminance(tmp_path: Path) -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    found = read_image(saved(Image.fromarray(colours), tmp_path / "a.png"))
    np.testing.assert_allclose(found[0], [0.299 * 255, 0.587 * 255, 0.114 * 255], atol=0.6)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_is_near_what_was_written(tmp_path: Path, mode: str) -> None:
    smooth = np.add.outer(np.arange(64), 2 * np.arange(64)).astype(np.uint8)
    path = saved(Image.fromarray(smooth).convert(mode), tmp_path / "a.jpg", quality=98)
    assert np.abs(read_image(path).astype(int) - smooth).max() <= 6
    assert image_size(path) == (64, 64)


def test_a_jpeg_is_turned_upright_and_its_size_with_it(tmp_path: Path) -> None:
    bright_left = np.zeros((16, 32), np.uint8)
    bright_left[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(Image.fromarray(bright_left), tmp_path / "a.jpg", exif=exif, quality=95)
    found = read_image(path)
    assert image_size(path) == (16, 32)
    assert found.shape == (32, 16)
    assert found[:6].min() > 240
    assert found[10:].max() < 15


def test_16_bit_colour_is_refused_rather_than_flattened(tmp_path: Path) -> None:
    """Pillow keeps only the high byte: 12-bit values would come out nearly black."""
    path = tmp_path / "a.png"
    path.write_bytes(_png16_alpha(np.full((2, 2), 4095, np.uint16)))
    with pytest.raises(ImageError, match="16-bit"):
        read_image(path)
    assert image_size(path) == (2, 2)


def test_the_size_comes_from_the_header_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8)
    for suffix in ("png", "jpg"):
        path = saved(Image.fromarray(noise), tmp_path / f"a.{suffix}")
        path.write_bytes(path.read_bytes()[:4000])
        assert image_size(path) == (300, 200)
        with pytest.raises(ImageError, match="damaged or truncated"):
            read_image(path)


def test_real_radiographs_agree_with_their_reencoded_twins(real_cxr: Path) -> None:
    original = read_image(real_cxr / "originals/00000398_000.png").astype(float)
    twin = Image.fromarray(read_image(real_cxr / "nih/00000398_000.jpg"))
    resized = np.asarray(twin.resize(original.shape[::-1]), dtype=float)
    assert np.abs(original - resized).mean() < 4


def _png16_alpha(grey: NDArray[np.uint16]) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    height, width = grey.shape
    both = np.stack([grey, np.full_like(grey, 65535)], axis=-1).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in both)
    header = struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
