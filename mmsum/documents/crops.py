"""Crops of figures: a region of a page as a small PNG or JPEG. And image files as pages to crop from."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pymupdf
from PIL import Image

from mmsum.config import Figures, Limits
from mmsum.errors import DocumentFailure, FailureKind
from mmsum.images import BROKEN, turn_upright
from mmsum.records import Box, Figure

_SAMPLE = 10_000
_PHOTO = 0.3
"""Distinct colours among the sampled pixels: charts have up to 0.12, photos mostly more than 0.5."""

_FILLED = 0.9
"""Share of a sheet above which a picture in it is all of it."""


def render_region(page: pymupdf.Page, box: Box, settings: Figures) -> pymupdf.Pixmap:
    """RGB pixels of `box` (points of the page as displayed) at settings.dpi, its longest side at most longest_side."""
    longest = max(box[2] - box[0], box[3] - box[1], 1.0)
    zoom = min(settings.dpi / 72, settings.longest_side / (longest + 1))
    return page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), clip=pymupdf.Rect(box), colorspace="rgb", alpha=False)


def encode_pixmap(pixels: pymupdf.Pixmap) -> bytes:
    """PNG, which keeps lines and letters sharp; JPEG where that is less than half as large, as for photos."""
    out = io.BytesIO()
    # Pillow's JPEG takes 2 ms where MuPDF's takes 30; with PNG it is the other way round.
    Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples).save(out, "JPEG", quality=88)
    jpeg = out.getvalue()
    if is_photo(pixels):
        return jpeg
    png: bytes = pixels.tobytes("png")
    return jpeg if 2 * len(jpeg) < len(png) else png


def is_photo(pixels: pymupdf.Pixmap) -> bool:
    """Whether a sample of RGB pixels shows as many colours as photos do; charts have a few, and their blends."""
    every = max(1, pixels.width * pixels.height // _SAMPLE)
    rgb = np.frombuffer(pixels.samples, np.uint8).reshape(-1, 3)[::every].astype(np.uint32)
    packed = (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2]
    return len(np.unique(packed)) > _PHOTO * len(packed)


def source_size(sheet: pymupdf.Page, limits: Limits) -> tuple[int, int] | None:
    """Width and height in pixels of the picture that fills a sheet of an image file; None for a drawing (SVG), whatever
    pictures are set in it. Raises DocumentFailure (too_large) before any pixels are decoded."""
    filling = None
    for info in sheet.get_image_info():
        width, height = info["width"], info["height"]
        if width * height > limits.pixels:
            raise DocumentFailure(
                FailureKind.TOO_LARGE,
                f"the image has {width} x {height} pixels, more than limits.pixels={limits.pixels}; "
                "raise the limit or scale the image down",
            )
        if (pymupdf.Rect(info["bbox"]) & sheet.rect).get_area() > _FILLED * sheet.rect.get_area():
            filling = width, height
    return filling


def sheet_figure(
    sheet: pymupdf.Page, source: tuple[int, int] | None, settings: Figures, shown: pymupdf.Rect | None = None
) -> Figure:
    """The figure that a sheet of an image file shows, or the part `shown` of it: a drawing at settings.longest_side, a
    picture no larger than its `source` (as source_size says)."""
    whole, shown = sheet.rect, shown or sheet.rect
    zoom = settings.longest_side / max(shown.width, shown.height, 1.0)
    if source:
        zoom = min(zoom, max(source) / max(whole.width, whole.height))
    pixels = sheet.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), clip=shown, colorspace="rgb", alpha=False)
    box = (0.0, 0.0, round(shown.width, 2), round(shown.height, 2))
    kind = "photo" if is_photo(pixels) else "figure"
    return Figure("", sheet.number + 1, box, "", kind, pixels.width, pixels.height, image=encode_pixmap(pixels))


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
                turn_upright(image)
                out = io.BytesIO()
                image.convert("RGBA" if image.has_transparency_data else "RGB").save(out, "PNG", compress_level=1)
        except BROKEN as error:
            raise ValueError(str(error)) from error
    return pymupdf.open(stream=out.getvalue(), filetype="png")
