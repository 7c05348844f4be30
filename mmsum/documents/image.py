"""A lone image file -> one figure without text."""

from __future__ import annotations

import pymupdf

from mmsum.config import Figures, Limits
from mmsum.documents.crops import colours_per_1000, encode_pixmap
from mmsum.documents.mupdf import DAMAGE, raise_if_out_of_memory, reason, take_warnings
from mmsum.errors import DocumentFailure, FailureKind
from mmsum.records import Figure


def read_image(path: str, kind: str, limits: Limits, settings: Figures) -> tuple[int, list[Figure], str]:
    """Pages (a TIFF may hold several), a figure for each, and what is damaged ("" for nothing).

    Boxes are in points as the file's own resolution gives them. Raises DocumentFailure: corrupt or too_large.
    """
    take_warnings()
    try:
        document = pymupdf.open(path, filetype=kind)
        pages = document.page_count
        figures = [
            _figure(document[index], limits, settings) for index in range(min(pages, limits.pages, limits.figures))
        ]
    except DAMAGE as error:
        raise_if_out_of_memory(error)
        raise _corrupt(kind, reason(error, path)) from error
    damage = take_warnings()
    if not pages:
        raise _corrupt(kind, "it holds no picture")
    if damage and all(pymupdf.Pixmap(figure.image).is_unicolor for figure in figures):
        raise _corrupt(kind, damage)  # MuPDF fills what is missing with one colour
    return pages, figures, damage


def _corrupt(kind: str, why: str) -> DocumentFailure:
    return DocumentFailure(FailureKind.CORRUPT, f"the {kind} image cannot be decoded ({why}); fetch the file again")


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
