"""A lone image file -> one figure without text."""

from __future__ import annotations

import pymupdf

from mmsum.config import Figures, Limits
from mmsum.documents.crops import colours_per_1000, encode_pixmap
from mmsum.errors import DocumentFailure, FailureKind
from mmsum.records import Figure


def read_image(path: str, kind: str, limits: Limits, settings: Figures) -> tuple[int, list[Figure]]:
    """Pages (a TIFF may hold several) and one figure for each. Raises DocumentFailure: corrupt or too_large.

    Boxes are in points as the file's own resolution gives them.
    """
    try:
        document = pymupdf.open(path, filetype=kind)
        pages = document.page_count
        figures = [_figure(document[index], limits, settings) for index in range(min(pages, limits.pages, limits.figures))]
    except (RuntimeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise DocumentFailure(FailureKind.CORRUPT, f"the {kind} image cannot be decoded: {reason}") from error
    if not pages:
        raise DocumentFailure(FailureKind.CORRUPT, f"the {kind} image cannot be decoded: it holds no picture")
    return pages, figures


def _figure(page: pymupdf.Page, limits: Limits, settings: Figures) -> Figure:
    for info in page.get_image_info():
        if info["width"] * info["height"] > limits.pixels:
            raise DocumentFailure(
                FailureKind.TOO_LARGE,
                f"the image has {info['width']} x {info['height']} pixels, more than limits.pixels={limits.pixels}; "
                "raise the limit or scale the image down",
            )
    longest = max(page.rect.width, page.rect.height, 1.0)
    zoom = settings.longest_side / longest
    source = max((max(i["width"], i["height"]) for i in page.get_image_info()), default=settings.longest_side)
    zoom = min(zoom, source / longest)  # never larger than its source
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace="rgb", alpha=False)
    kind = "photo" if colours_per_1000(pixels) > 250 else "figure"
    box = (0.0, 0.0, page.rect.width, page.rect.height)
    return Figure("", page.number + 1, box, "", kind, pixels.width, pixels.height, image=encode_pixmap(pixels))
