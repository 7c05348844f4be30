"""Pictures of documents for people: crops made again, and pages with their figures marked."""

from __future__ import annotations

import math
from pathlib import Path

import pymupdf

from mmsum.config import Figures, Limits
from mmsum.documents.crops import encode_pixmap, open_picture, render_region
from mmsum.documents.detect import IMAGE_FORMATS
from mmsum.documents.mupdf import DAMAGE
from mmsum.records import Box, Document, Figure

_MAX_PAGES = 12
_PAGE_WIDTH = 480.0
"""Points of one page in the grid of draw_boxes; one point is one pixel there."""
_MARK = (0.85, 0.1, 0.1)


def render_places(
    source: Path, kind: str, places: list[tuple[int, Box]], longest_side: int, limits: Limits
) -> list[bytes]:
    """PNG or JPEG of each (page from 1, box); b"" for what cannot be rendered."""
    if kind != "pdf" and kind not in IMAGE_FORMATS:
        return [b"" for _ in places]
    try:
        document = _open(source, kind, limits.pixels)
    except DAMAGE:
        return [b"" for _ in places]
    settings = Figures(longest_side=longest_side, dpi=600)  # so that longest_side alone decides
    return [_render(document, page, box, settings, limits) for page, box in places]


def _open(source: Path, kind: str, pixels: int) -> pymupdf.Document:
    return pymupdf.open(source, filetype=kind) if kind == "pdf" else open_picture(source.read_bytes(), pixels, kind)


def _render(document: pymupdf.Document, number: int, box: Box, settings: Figures, limits: Limits) -> bytes:
    try:
        page = document[number - 1]
        if any(info["width"] * info["height"] > limits.pixels for info in page.get_image_info()):
            return b""
        return encode_pixmap(render_region(page, box, settings))
    except DAMAGE:
        return b""


def draw_boxes(source: Path, kind: str, document: Document) -> bytes:
    """One PNG: the pages that have figures (else all; at most 12) in a grid, boxes, labels and captions drawn."""
    if kind != "pdf" and kind not in IMAGE_FORMATS:
        cards = [_card(figure) for figure in document.figures[:_MAX_PAGES]]
        return _grid(cards or [_note(f"{document.format or 'this format'} has no pages to draw, and no figures")])
    try:
        opened = _open(source, kind, Limits().pixels)
        if kind != "pdf":
            opened = pymupdf.open("pdf", opened.convert_to_pdf())
        if opened.needs_pass:
            return _grid([_note("the file needs a password")])
    except DAMAGE as error:
        return _grid([_note(f"the file cannot be opened: {error}")])
    by_page: dict[int, list[Figure]] = {}
    for figure in document.figures:
        by_page.setdefault(figure.page, []).append(figure)
    numbers = sorted(by_page) or list(range(1, opened.page_count + 1))
    pictures = []
    for number in numbers[:_MAX_PAGES]:
        try:
            pictures.append(_marked(opened[number - 1], by_page.get(number, [])))
        except DAMAGE as error:
            pictures.append(_note(f"page {number} cannot be drawn: {error}"))
    return _grid(pictures or [_note("no pages")])


def _marked(page: pymupdf.Page, figures: list[Figure]) -> pymupdf.Pixmap:
    zoom = _PAGE_WIDTH / max(1.0, page.rect.width)
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), alpha=False)
    canvas = pymupdf.open()
    sheet = canvas.new_page(width=pixels.width, height=pixels.height)
    sheet.insert_image(sheet.rect, pixmap=pixels)
    for figure in figures:
        box = pymupdf.Rect(figure.bbox) * zoom & sheet.rect
        sheet.draw_rect(box, color=_MARK, width=2)
        # No wider than its figure: the strips of two side by side would cover each other.
        room = max(box.width, 110.0)
        words = f"{figure.label or 'no label'} [{figure.kind}] {figure.caption}"[: int(room / 4.9)]
        strip = pymupdf.Rect(box.x0 - 1, max(0.0, box.y0 - 13), min(sheet.rect.x1, box.x0 + room), max(13.0, box.y0))
        sheet.draw_rect(strip, color=_MARK, fill=_MARK)
        font = "helv" if all(ord(c) < 256 for c in words) else "china-s"
        sheet.insert_text((strip.x0 + 2, strip.y1 - 3), words, fontsize=9, fontname=font, color=(1, 1, 1))
    sheet.insert_text((6, 14), f"page {page.number + 1}", fontsize=10, color=(0.1, 0.1, 0.7))
    return sheet.get_pixmap(alpha=False)


def _card(figure: Figure) -> pymupdf.Pixmap:
    """A figure that stands on no page: its picture with its label and caption."""
    sheet = pymupdf.open().new_page(width=_PAGE_WIDTH, height=_PAGE_WIDTH)
    if figure.image:
        sheet.insert_image(pymupdf.Rect(10, 10, _PAGE_WIDTH - 10, 380), stream=figure.image)
    words = f"{figure.label or 'no label'} [{figure.kind}] page {figure.page}: {figure.caption}"
    sheet.insert_textbox(pymupdf.Rect(10, 390, _PAGE_WIDTH - 10, _PAGE_WIDTH - 5), words[:400], fontsize=10)
    return sheet.get_pixmap(alpha=False)


def _note(words: str) -> pymupdf.Pixmap:
    sheet = pymupdf.open().new_page(width=_PAGE_WIDTH, height=120)
    sheet.insert_textbox(pymupdf.Rect(10, 10, _PAGE_WIDTH - 10, 110), words, fontsize=11)
    return sheet.get_pixmap(alpha=False)


def _grid(pictures: list[pymupdf.Pixmap]) -> bytes:
    across = min(len(pictures), max(1, math.ceil(math.sqrt(len(pictures)))))
    down = math.ceil(len(pictures) / across)
    cell = max(p.height for p in pictures) + 8
    canvas = pymupdf.open()
    sheet = canvas.new_page(width=across * (_PAGE_WIDTH + 8), height=down * cell)
    for index, picture in enumerate(pictures):
        x, y = (index % across) * (_PAGE_WIDTH + 8) + 4, (index // across) * cell + 4
        sheet.insert_image(pymupdf.Rect(x, y, x + picture.width, y + picture.height), pixmap=picture)
    image: bytes = sheet.get_pixmap(alpha=False).tobytes("png")
    return image
