"""Crops of figures: a region of a page as a small PNG or JPEG."""

from __future__ import annotations

import pymupdf

from mmsum.config import Figures
from mmsum.records import Box


def render_region(page: pymupdf.Page, box: Box, settings: Figures) -> pymupdf.Pixmap:
    """RGB pixels of `box` (points of the page as displayed) at settings.dpi, its longest side at most longest_side."""
    longest = max(box[2] - box[0], box[3] - box[1], 1.0)
    zoom = min(settings.dpi / 72, settings.longest_side / (longest + 1))
    return page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), clip=pymupdf.Rect(box), colorspace="rgb", alpha=False)


def encode_pixmap(pixels: pymupdf.Pixmap) -> bytes:
    """PNG, which keeps lines and letters sharp; JPEG where that is less than half as large, as for photos."""
    png: bytes = pixels.tobytes("png")
    jpeg: bytes = pixels.tobytes("jpeg", jpg_quality=88)
    return jpeg if 2 * len(jpeg) < len(png) else png


def colours_per_1000(pixels: pymupdf.Pixmap) -> int:
    """Distinct colours for each 1000 pixels: a few for charts, hundreds for photos."""
    return int(1000 * pixels.color_count() / max(1, pixels.width * pixels.height))
