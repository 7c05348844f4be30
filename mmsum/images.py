"""Images that came from outside, of any format that Pillow reads."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image, ImageOps

BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError),
    *(LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError),
)
"""What Pillow raises for images that are damaged, cut off, of no known format, or absurdly large: its readers let through
whatever their format makes of broken bytes, so the second line is as wide as it is."""


def is_image(data: bytes) -> bool:
    """Whether Pillow can decode the whole image."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except BROKEN:
        return False
    return True


def square_image(image: bytes, side: int) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
    """An encoded image as [side, side, 3]: white behind transparency, aspect kept, white borders; None if it is broken."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(image)) as opened:
                return np.array(_letterbox(on_white(opened), side), dtype=np.uint8)
    except BROKEN:
        return None


def turn_upright(image: Image.Image) -> None:
    """Turn it as its EXIF data say that it is meant to be seen; data that nobody can read say nothing."""
    with suppress(*BROKEN):
        ImageOps.exif_transpose(image, in_place=True)


def on_white(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB, upright, white behind transparency."""
    turn_upright(image)
    if image.mode.startswith("I;16"):  # 16-bit grey: Pillow's own conversion clips instead of scaling
        return Image.fromarray((np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _letterbox(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    square = Image.new("RGB", (side, side), "white")
    square.paste(image, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square
