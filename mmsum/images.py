"""Images that came from outside, of any format that Pillow reads."""

from __future__ import annotations

import io
import struct

from PIL import Image

BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for images that are damaged, cut off, of no known format, or absurdly large."""


def is_image(data: bytes) -> bool:
    """Whether Pillow can decode the whole image."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except BROKEN:
        return False
    return True
