"""Image files -> pages: each a figure without text, or a scanned page where OCR finds that it is one."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pymupdf
from PIL import Image, ImageSequence

from mmsum.config import Figures, Limits
from mmsum.documents import ocr
from mmsum.documents.crops import open_picture, sheet_figure, source_size
from mmsum.documents.mupdf import DAMAGE, raise_if_out_of_memory, reason, take_warnings
from mmsum.documents.page import Page, PagesInfo
from mmsum.errors import DocumentFailure, FailureKind
from mmsum.images import BROKEN

_PROFILE = re.compile(r"ICC profile|\blcms:|cmsOpenProfile")
_WIDE = ("F", "I")
"""Pillow's names for pixels of 32 bits, of which MuPDF takes the first 16: of floating-point numbers that makes noise."""
_LETTERS = 200
"""Letters and digits from which on an image is a page of text, not a figure with labels."""


def read_image(data: bytes, kind: str, limits: Limits, settings: Figures) -> tuple[PagesInfo, Iterator[Page]]:
    """What is known of the file, and its pages (a TIFF may hold several).

    Boxes are in points as the file's own resolution gives them. Raises DocumentFailure: corrupt or, while pages are
    read, too_large.
    """
    take_warnings()
    try:
        document = open_picture(_narrowed(data, limits.pixels) if kind == "tiff" else data, limits.pixels, kind)
        pages = document.page_count
    except DAMAGE as error:
        raise_if_out_of_memory(error)
        if "limits.pixels" in str(error):
            raise DocumentFailure(FailureKind.TOO_LARGE, f"{error}; raise the limit or scale the image down") from error
        raise _corrupt(kind, reason(error)) from error
    if not pages:
        raise _corrupt(kind, "it holds no picture")
    return PagesInfo(kind, pages), _pages(document, limits, settings)


def _narrowed(data: bytes, pixels: int) -> bytes:
    """A TIFF of 32-bit numbers as one of grey tones, from the least number to the greatest; any other as it is."""
    frames = []
    with suppress(*BROKEN), warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
        left = pixels
        for frame in ImageSequence.Iterator(image):
            left -= frame.width * frame.height
            if frame.mode not in _WIDE or left < 0:  # a stack of many is read page by page, as it is
                return data
            numbers = np.nan_to_num(np.asarray(frame, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
            spread = np.ptp(numbers) or 1.0
            frames.append(Image.fromarray((255 * ((numbers - numbers.min()) / spread)).astype(np.uint8)))
        out = io.BytesIO()
        frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], dpi=image.info.get("dpi"))
        return out.getvalue()
    return data


def _pages(document: pymupdf.Document, limits: Limits, settings: Figures) -> Iterator[Page]:
    room, scans = limits.figures, limits.ocr_pages
    refused: list[DocumentFailure] = []
    count = min(document.page_count, limits.pages)
    for index in range(count):
        try:
            page = _page(document[index], limits, settings, scans > 0)
        except DocumentFailure as failure:  # too large; the others are none the worse
            refused.append(failure)
            page = Page(index + 1, 0.0, 0.0, error=failure.message)
        except DAMAGE as error:
            raise_if_out_of_memory(error)
            page = Page(index + 1, 0.0, 0.0, error=reason(error))
        scans -= 1
        if room <= 0 and page.figures:
            page.figures, page.figures_cut = [], True
        room -= len(page.figures)
        yield page
    if refused and len(refused) == count:
        raise refused[0]


def _page(page: pymupdf.Page, limits: Limits, settings: Figures, read_text: bool) -> Page:
    result = Page(page.number + 1, page.rect.width, page.rect.height)
    figure = sheet_figure(page, source_size(page, limits), settings)
    result.damage = _damage(take_warnings())
    if result.damage and pymupdf.Pixmap(figure.image).is_unicolor:
        result.error = result.damage  # MuPDF fills what is missing with one colour
        return result
    scan = ocr.read_scan(page) if read_text and ocr.is_available() else ocr.Scan([], page.rect.width, page.rect.height)
    if sum(c.isalnum() for line in scan.lines for c in line.text) >= _LETTERS:
        result.lines, result.width, result.height = scan.lines, scan.width, scan.height
    else:
        figure.text = " ".join(line.text for line in scan.lines)
        result.figures = [figure]
    return result


def _damage(told: str) -> str:
    """The warnings that tell of damage: a colour profile that is broken, or not for such pixels, is only left out."""
    parts = [part for part in told.split("; ") if not _PROFILE.search(part)]
    return "; ".join(parts) if any("... repeated" not in part for part in parts) else ""


def _corrupt(kind: str, why: str) -> DocumentFailure:
    return DocumentFailure(FailureKind.CORRUPT, f"the {kind} image cannot be decoded ({why}); fetch the file again")
