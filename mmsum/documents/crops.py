"""Crops of figures: a region of a page as a small PNG or JPEG. And image files as pages to crop from."""

from __future__ import annotations

import io
import warnings

import pymupdf
from PIL import Image, UnidentifiedImageError

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


def open_picture(data: bytes, pixels: int, kind: str | None = None) -> pymupdf.Document:
    """An image file as a document of pages. Raises MuPDF's errors; ValueError for a WebP that is damaged or too large.

    MuPDF reads no WebP: its first picture is decoded here, unless it has more than `pixels` pixels.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return pymupdf.open(stream=data, filetype=kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own word on sizes; ours is `pixels`
        try:
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > pixels:
                    raise ValueError(f"{image.width} x {image.height} pixels are more than limits.pixels={pixels}")
                out = io.BytesIO()
                image.convert("RGBA" if image.has_transparency_data else "RGB").save(out, "PNG", compress_level=1)
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise ValueError(str(error)) from error
    return pymupdf.open(stream=out.getvalue(), filetype="png")
