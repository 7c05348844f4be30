"""Figure crops made small enough to travel inside a page."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

from PIL import Image

from mmsum.images import BROKEN, on_white

MAX_PIXELS = 40_000_000
"""Larger images are refused before their pixels are decoded: nothing we write comes near it."""

SMALLEST_SIDE = 48
"""Longest side in pixels below which a picture no longer says anything and is left out."""

_QUALITY = 62
_TRIES = 4


@dataclass(slots=True, frozen=True)
class Picture:
    """One encoded image (PNG, JPEG or WebP) and its size in pixels."""

    data: bytes
    width: int
    height: int


def thumbnail(data: bytes, side: int, room: float) -> Picture | None:
    """`data` (PNG, JPEG or WebP) as a WebP of at most `side` pixels on its longest side and at most `room` bytes.

    Shrinks further until it fits. None for b"", for what cannot be decoded, for an image of more than MAX_PIXELS, and
    where `room` is too small for anything worth seeing.
    """
    if not data:
        return None
    try:
        image = _decode(data, side)
    except BROKEN:
        return None
    if image is None:
        return None
    for _ in range(_TRIES):
        picture = _encode(image)
        size = len(picture.data)
        if size <= room:
            return picture
        side = int(max(image.size) * min(0.9, math.sqrt(room / size)))
        if side < SMALLEST_SIDE:
            return None
        image.thumbnail((side, side))
    return None


def _decode(data: bytes, side: int) -> Image.Image | None:
    """The first frame as RGB on white, at most `side` pixels long; None where it is too large to decode."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
        if image.width * image.height > MAX_PIXELS:
            return None
        image.draft("RGB", (side, side))  # lets a JPEG be decoded at a fraction of its size
        small = on_white(image)
    small.thumbnail((side, side))
    return small


def _encode(image: Image.Image) -> Picture:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=_QUALITY, method=4)
    return Picture(stream.getvalue(), image.width, image.height)
