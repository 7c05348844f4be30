"""Images that came from outside, of any format that Pillow reads."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

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
