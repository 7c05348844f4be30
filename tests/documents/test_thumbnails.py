"""Pictures are made small, honestly and safely."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmsum.documents.thumbnails import MAX_PIXELS, SMALLEST_SIDE, thumbnail
from tests.report.rows import picture


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_large_picture_is_shrunk_and_keeps_its_shape(form: str) -> None:
    small = thumbnail(picture(900, 300, form=form), 480, 1e9)
    assert small is not None
    assert (small.width, small.height) == (480, 160)
    image = _opened(small.data)
    assert (image.format, image.size) == ("WEBP", (480, 160))
    red, green, blue = image.convert("RGB").getpixel((200, 80))  # type: ignore[misc]
    assert abs(red - 40) < 6 and abs(green - 90) < 6 and abs(blue - 140) < 6


def test_a_small_picture_is_not_blown_up() -> None:
    small = thumbnail(picture(100, 60), 480, 1e9)
    assert small is not None and (small.width, small.height) == (100, 60)


def test_it_shrinks_further_until_it_fits_the_room() -> None:
    data = picture(600, 400, noise=True)
    free, tight = thumbnail(data, 480, 1e9), thumbnail(data, 480, 6_000)
    assert free is not None and tight is not None
    assert len(free.data) > 60_000
    assert len(tight.data) <= 6_000
    assert SMALLEST_SIDE <= tight.width < 480


def test_no_room_no_picture() -> None:
    assert thumbnail(picture(600, 400, noise=True), 480, 50) is None


def test_transparent_means_white() -> None:
    stream = io.BytesIO()
    Image.new("RGBA", (80, 80), (0, 0, 0, 0)).save(stream, "PNG")
    small = thumbnail(stream.getvalue(), 80, 1e9)
    assert small is not None and min(_opened(small.data).convert("RGB").getpixel((40, 40))) > 250  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_every_colour_mode_is_understood(mode: str) -> None:
    stream = io.BytesIO()
    Image.new(mode, (90, 60)).save(stream, "JPEG" if mode == "CMYK" else "PNG")
    small = thumbnail(stream.getvalue(), 480, 1e9)
    assert small is not None and (small.width, small.height) == (90, 60)


def test_16_bit_grey_stays_grey() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.full((60, 90), 0x4000, np.uint16)).save(stream, "PNG")
    small = thumbnail(stream.getvalue(), 480, 1e9)
    assert small is not None and _opened(small.data).convert("L").getpixel((40, 30)) in range(0x3E, 0x43)


def _png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [8_000, 100_000])
def test_a_decompression_bomb_is_refused_unopened(side: int) -> None:
    assert side * side > MAX_PIXELS
    assert thumbnail(_png_header(side, side), 480, 1e9) is None


def test_what_is_no_picture_gives_none() -> None:
    whole = picture(300, 200, noise=True)
    gif = io.BytesIO()
    Image.new("RGB", (60, 60)).save(gif, "GIF")
    for data in (b"", b"not a picture", whole[:2_000], gif.getvalue(), b"\x89PNG\r\n\x1a\n"):
        assert thumbnail(data, 480, 1e9) is None
